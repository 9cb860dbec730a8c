import {
  type ImageName,
  type RegistryAccess,
  RegistryClient,
  type RegistryImage,
} from '@orrery/bus';

/** What is known of the registries that images come from. */
export interface Registries {
  /** How the registry is reached; undefined: nobody has told of it. @throws when nobody could be asked. */
  find(host: string): Promise<RegistryAccess | undefined>;
}

export interface FoundRegistry {
  readonly client: RegistryClient;
  /** How it is reached, where somebody has told of it. */
  readonly told: RegistryAccess | undefined;
  /** Why nobody could be asked for it. */
  readonly unasked: unknown;
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/;

/** A registry that nobody has told of is tried as engines do it: encrypted, but on loopback. */
export async function findRegistry(registries: Registries, host: string): Promise<FoundRegistry> {
  let told: RegistryAccess | undefined;
  let unasked: unknown;
  try {
    told = await registries.find(host);
  } catch (cause) {
    unasked = cause;
  }
  return { client: new RegistryClient(told ?? { url: usualUrl(host) }), told, unasked };
}

function usualUrl(host: string): string {
  if (host === 'docker.io') return 'https://registry-1.docker.io';
  return `${LOOPBACK.test(host) ? 'http' : 'https'}://${host}`;
}

/** The image for this architecture among those that the name stands for. */
export function imageFor(
  images: readonly RegistryImage[],
  architecture: string,
): RegistryImage | undefined {
  return images.find((image) => image.architecture === architecture);
}

/** As container engines take it. */
export function engineLogin(
  { host }: ImageName,
  told: RegistryAccess | undefined,
):
  | { readonly username: string; readonly password: string; readonly serveraddress: string }
  | undefined {
  const { username, password } = told ?? {};
  if (username === undefined || password === undefined) return undefined;
  return { username, password, serveraddress: host };
}
