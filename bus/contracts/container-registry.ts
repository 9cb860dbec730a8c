import { z } from 'zod';
import { derivedId } from '../ids.ts';

export const REGISTRY_SCHEMA_VERSION = 1;

/** What stands before the first slash of its images' references. */
export const RegistryName = z
  .string()
  .max(255)
  .regex(
    /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?::[0-9]{1,5})?$/,
    'a registry is named by its host, such as registry.example.com or 127.0.0.1:5000',
  );

export const RegistryUrl = z
  .url({ protocol: /^https?$/ })
  .max(1_000)
  .refine((text) => {
    const { username, password, search, hash } = new URL(text);
    return `${username}${password}${search}${hash}` === '' && !text.endsWith('/');
  }, 'a registry has an http or https URL without a login, a query or a slash at its end');

/** Path before the names of its images, which a rescan is limited to; may have slashes. */
export const RegistryProject = z
  .string()
  .max(200)
  .regex(/^[a-z0-9]+(?:[._/-][a-z0-9]+)*$/, 'a project is such as team or team/tools');

/** `sealedPassword` opens with the gateway's master key and for this registry only. */
const Login = z.object({ username: z.string().min(1).max(256), sealedPassword: z.string() });

/** The aggregate id of a registry. */
export function registryId(name: string): string {
  return derivedId('registry', name);
}

export const RegistryEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('registry-created'), name: z.string(), url: z.string() }),
  z.object({ type: z.literal('registry-url-set'), url: z.string() }),
  /** Null: all that it has. */
  z.object({ type: z.literal('registry-project-set'), project: z.string().nullable() }),
  z.object({ type: z.literal('registry-login-set'), ...Login.shape }),
  z.object({ type: z.literal('registry-login-removed') }),
  z.object({ type: z.literal('registry-deleted') }),
]);
export type RegistryEvent = Readonly<z.infer<typeof RegistryEvent>>;

/** Null takes away, and what is absent stays as it is. */
const Changes = {
  project: RegistryProject.nullable().optional(),
  login: Login.nullable().optional(),
};

export const RegistryCommand = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('create'), name: RegistryName, url: RegistryUrl, ...Changes }),
  z.strictObject({ type: z.literal('modify'), url: RegistryUrl.optional(), ...Changes }),
  z.strictObject({ type: z.literal('delete') }),
]);
export type RegistryCommand = Readonly<z.infer<typeof RegistryCommand>>;
