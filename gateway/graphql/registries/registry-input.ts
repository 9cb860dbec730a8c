import {
  err,
  ok,
  type RegistryCommand,
  RegistryName,
  RegistryProject,
  RegistryUrl,
  type Rejection,
  type Result,
} from '@orrery/bus';
import type { RegistryRow } from '@orrery/projections';
import { z } from 'zod';
import { sealPassword } from '../../registries/registry-login.ts';

const USERNAME_CHARACTERS_MAX = 256;
const PASSWORD_CHARACTERS_MAX = 4_096;

/** Empty: none. */
const changeable = {
  project: z.union([z.literal('').transform(() => null), RegistryProject]).optional(),
  username: z.string().max(USERNAME_CHARACTERS_MAX).optional(),
  password: z.string().max(PASSWORD_CHARACTERS_MAX).optional(),
};
const CreateInput = z.strictObject({ name: RegistryName, url: RegistryUrl, ...changeable });
const ModifyInput = z.strictObject({
  name: RegistryName,
  url: RegistryUrl.optional(),
  ...changeable,
});
type Input = z.infer<typeof ModifyInput>;
type Login = Extract<RegistryCommand, { readonly type: 'modify' }>['login'];

/** Refused with the field and its rule; a password is never part of what is said. */
export function parseCreate(
  input: unknown,
  key: Uint8Array,
): Result<Extract<RegistryCommand, { readonly type: 'create' }>, Rejection> {
  const parsed = CreateInput.safeParse(input);
  if (!parsed.success) return err(invalid(parsed.error));
  const { name, url, project } = parsed.data;
  const login = loginOf(parsed.data, undefined, key);
  if (!login.ok) return login;
  return ok({ type: 'create', name, url, ...given({ project, login: login.value }) });
}

/** The login that is there stands in for the half that is not named. */
export function parseModify(
  input: unknown,
  row: RegistryRow,
  key: Uint8Array,
): Result<Extract<RegistryCommand, { readonly type: 'modify' }>, Rejection> {
  const parsed = ModifyInput.safeParse(input);
  if (!parsed.success) return err(invalid(parsed.error));
  const { url, project } = parsed.data;
  const login = loginOf(parsed.data, row, key);
  if (!login.ok) return login;
  return ok({ type: 'modify', ...given({ url, project, login: login.value }) });
}

function loginOf(
  { name, username, password }: Input,
  row: RegistryRow | undefined,
  key: Uint8Array,
): Result<Login, Rejection> {
  if (username === undefined && password === undefined) return ok(undefined);
  if (username === '' && (password ?? '') === '') return ok(null);
  const who = username ?? row?.username ?? '';
  const sealed = password === undefined ? row?.sealedPassword : sealPassword(password, name, key);
  if (who === '' || password === '' || (sealed ?? null) === null) return err(HALF);
  return ok({ username: who, sealedPassword: sealed ?? '' });
}

function given<Shape extends object>(values: Shape): Shape {
  const there = Object.entries(values).filter(([, value]) => value !== undefined);
  // What is left out of it may be left out by its type.
  return Object.fromEntries(there) as Shape;
}

const HALF: Rejection = {
  code: 'registry-invalid',
  message: 'a login has a user name and a password, or is taken away as a whole',
  field: 'password',
};

function invalid({ issues: [issue] }: z.ZodError): Rejection {
  return {
    code: 'registry-invalid',
    message: issue?.message ?? 'this is no registry',
    field: issue?.path.join('.') ?? 'name',
  };
}
