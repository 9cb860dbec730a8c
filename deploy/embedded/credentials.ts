import { randomBytes } from 'node:crypto';
import { type DataDirectory, readRecord, writePrivately } from './data-directory.ts';
import { DeployFailure } from './failure.ts';

const EMAIL = 'admin@orrery.local';
const USERNAME = 'admin';
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const ACCESS_KEY_LENGTH = 16;
const SECRET_BYTES = 30;
const PASSWORD_BYTES = 15;
const MASTER_KEY_BYTES = 32;

/** What the parts of one installation know each other by; never leaves the data directory. */
export interface Secrets {
  /** Base64 of 32 bytes. */
  readonly masterKey: string;
  readonly natsPassword: string;
  readonly postgresPassword: string;
}

/** The first person of the installation, as `gateway.administratorFile` holds it. */
export interface Administrator {
  readonly email: string;
  readonly username: string;
  readonly password: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

/** Those of the directory, made on first use. @throws {DeployFailure} when a file is damaged. */
export function keepSecrets(directory: DataDirectory): Secrets {
  return keep(directory.secrets, ['masterKey', 'natsPassword', 'postgresPassword'], () => ({
    masterKey: randomBytes(MASTER_KEY_BYTES).toString('base64'),
    natsPassword: randomBytes(PASSWORD_BYTES).toString('base64url'),
    postgresPassword: randomBytes(PASSWORD_BYTES).toString('base64url'),
  }));
}

/** The administrator of the directory, made on first use. @throws {DeployFailure} */
export function keepAdministrator(directory: DataDirectory): Administrator {
  const names = ['email', 'username', 'password', 'accessKey', 'secretKey'] as const;
  return keep(directory.administrator, names, () => ({
    email: EMAIL,
    username: USERNAME,
    password: randomBytes(PASSWORD_BYTES).toString('base64url'),
    accessKey: makeAccessKey(),
    secretKey: randomBytes(SECRET_BYTES).toString('base64url'),
  }));
}

/** The profile by which the CLI speaks as the administrator; the endpoint follows the port. */
export function writeProfile(
  directory: DataDirectory,
  { accessKey, secretKey }: Administrator,
  endpoint: string,
): void {
  writePrivately(
    directory.profile,
    `${JSON.stringify({ endpoint, accessKey, secretKey }, undefined, 2)}\n`,
  );
}

function makeAccessKey(): string {
  const letters = [...randomBytes(ACCESS_KEY_LENGTH)].map((byte) => BASE32[byte % BASE32.length]);
  return `AKIA${letters.join('')}`;
}

function keep<Name extends string>(
  path: string,
  names: readonly Name[],
  make: () => Readonly<Record<Name, string>>,
): Readonly<Record<Name, string>> {
  const kept = read(path);
  if (kept === undefined) {
    const made = make();
    writePrivately(path, `${JSON.stringify(made, undefined, 2)}\n`);
    return made;
  }
  const isWhole = (value: Readonly<Record<string, unknown>>): value is Record<Name, string> =>
    names.every((name) => typeof value[name] === 'string');
  if (isWhole(kept)) return kept;
  throw damaged(path);
}

function read(path: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return readRecord(path);
  } catch (cause) {
    if (cause instanceof SyntaxError) throw damaged(path, cause);
    throw cause;
  }
}

function damaged(path: string, cause?: unknown): DeployFailure {
  return new DeployFailure(
    'deploy.directory-unusable',
    `${path} is damaged: restore it from a copy; what it held cannot be made again.`,
    { cause },
  );
}
