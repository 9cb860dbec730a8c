import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Credentials } from '../client/credentials.ts';
import { ProfileUnusable } from './errors.ts';

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/** Where the gateway is and who calls. */
export interface Profile {
  readonly endpoint: string;
  readonly credentials: Credentials;
}

/** The file named on the command line, else by `ORRERY_PROFILE`, else that of the default data directory. */
export function profilePath(
  named: string | undefined,
  { env, homeDirectory }: { readonly env: Environment; readonly homeDirectory: string },
): string {
  return named ?? (env['ORRERY_PROFILE'] || join(homeDirectory, '.orrery', 'profile.json'));
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws {ProfileUnusable} saying what is wrong and what to do. */
export async function readProfile(path: string): Promise<Profile> {
  const values = parse(await read(path), path);
  const { endpoint } = values;
  if (typeof endpoint !== 'string') throw lacking(path, 'no endpoint');
  const { accessKey, secretKey, token } = values;
  if (typeof token === 'string') return { endpoint, credentials: { token } };
  if (typeof accessKey === 'string' && typeof secretKey === 'string') {
    return { endpoint, credentials: { accessKey, secretKey } };
  }
  throw lacking(path, 'neither accessKey and secretKey nor token');
}

/** Only the endpoint, for somebody who has not signed in yet; undefined without a file. */
export async function readEndpoint(path: string): Promise<string | undefined> {
  try {
    return (await readProfile(path)).endpoint;
  } catch (error) {
    if (error instanceof ProfileUnusable) return undefined;
    throw error;
  }
}

/**
 * Writes a profile that only its owner can read.
 * @throws {ProfileUnusable} rather than writing over a key pair.
 */
export async function saveProfile(
  path: string,
  profile: { readonly endpoint: string; readonly token: string; readonly expiresAt: string },
): Promise<void> {
  if (await holdsKeyPair(path)) {
    throw new ProfileUnusable(`${path} holds a key pair; name another file for the token`);
  }
  try {
    await mkdir(dirname(path), { recursive: true, mode: DIRECTORY_MODE });
    await writeFile(path, `${JSON.stringify(profile, undefined, 2)}\n`, { mode: FILE_MODE });
    await chmod(path, FILE_MODE);
  } catch (cause) {
    throw new ProfileUnusable(`the profile ${path} cannot be written: ${reasonOf(cause)}`, {
      cause,
    });
  }
}

async function holdsKeyPair(path: string): Promise<boolean> {
  try {
    return 'secretKey' in parse(await readFile(path, 'utf8'), path);
  } catch {
    // Absent or no profile: nothing of worth is lost by writing there.
    return false;
  }
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') {
      throw new ProfileUnusable(
        `there is no profile ${path}: start Orrery with "npm start", or give --profile FILE`,
        { cause },
      );
    }
    throw new ProfileUnusable(`the profile ${path} cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

function parse(text: string, path: string): Readonly<Record<string, unknown>> {
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch (cause) {
    throw new ProfileUnusable(`the profile ${path} is not JSON`, { cause });
  }
  if (typeof values !== 'object' || values === null) throw lacking(path, 'no object');
  return { ...values };
}

function lacking(path: string, what: string): ProfileUnusable {
  return new ProfileUnusable(`the profile ${path} holds ${what}`);
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
