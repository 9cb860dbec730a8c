import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { DeployFailure, systemCode } from './failure.ts';

/** Less free space than this and neither the log nor PostgreSQL could be set up or go on. */
export const FREE_BYTES_MIN = 256 * 1024 * 1024;

/** Where everything of one installation lies. */
export interface DataDirectory {
  readonly path: string;
  readonly run: string;
  readonly logs: string;
  readonly nats: string;
  readonly postgres: string;
  readonly agent: string;
  readonly archive: string;
  readonly settings: string;
  readonly natsConfiguration: string;
  readonly ports: string;
  readonly secrets: string;
  readonly administrator: string;
  /** The key by which the gateway is known over SSH. */
  readonly sshHostKey: string;
  readonly profile: string;
}

/**
 * Makes the directory (mode 0700) where it is missing and proves that it can be written to.
 * @throws {DeployFailure} `deploy.directory-unusable`.
 */
export function openDataDirectory(path: string): DataDirectory {
  try {
    makeDirectory(path);
    const directory = layOut(realpathSync(path));
    for (const each of [directory.run, directory.logs, directory.nats, directory.agent])
      mkdirSync(each, { recursive: true, mode: 0o700 });
    const probe = join(directory.run, `.probe-${process.pid}`);
    writeFileSync(probe, randomBytes(8));
    rmSync(probe);
    requireSpace(directory.path);
    return directory;
  } catch (cause) {
    throw unusable(path, cause);
  }
}

/** With its missing parents, one by one: Node's own recursion never ends below a read-only /proc. */
function makeDirectory(path: string): void {
  if (!existsSync(dirname(path))) makeDirectory(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (cause) {
    // It was there, or another start was quicker; a file in its place is a fault.
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw cause;
  }
}

/** The directory as it is; undefined when it is none of ours. */
export function findDataDirectory(path: string): DataDirectory | undefined {
  const directory = layOut(path);
  return existsSync(directory.run) ? layOut(realpathSync(path)) : undefined;
}

/** Turns a system error met while working in the directory into the sentence a person can act on. */
export function unusable(path: string, cause: unknown): unknown {
  const reason = reasons[systemCode(cause) ?? ''];
  if (reason === undefined) return cause;
  return new DeployFailure('deploy.directory-unusable', `the data directory ${path} ${reason}`, {
    cause,
  });
}

/** Writes a file that only its owner may read, in one step: readers see the old text or the new. */
export function writePrivately(path: string, text: string): void {
  const beside = `${path}.new`;
  rmSync(beside, { force: true });
  writeFileSync(beside, text, { mode: 0o600, flush: true });
  renameSync(beside, path);
}

/** A JSON object from a file; undefined when there is none. @throws when it is not JSON. */
export function readRecord(path: string): Readonly<Record<string, unknown>> | undefined {
  if (!existsSync(path)) return undefined;
  const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'));
  return typeof parsed === 'object' && parsed !== null ? { ...parsed } : undefined;
}

const noPermission = 'cannot be written to by this user; choose another with --data-dir.';
const reasons: Readonly<Record<string, string>> = {
  EACCES: noPermission,
  EPERM: noPermission,
  EROFS: 'is on a file system that is mounted read-only; choose another with --data-dir.',
  ENOSPC: 'is on a disk that is full; make room, or choose another with --data-dir.',
  EDQUOT: "is beyond this user's disk quota; make room, or choose another with --data-dir.",
  ENOTDIR: 'cannot be made because a part of its path is a file.',
  EEXIST: 'is a file, not a directory.',
  ENOENT: 'cannot be made there; choose another with --data-dir.',
  ENAMETOOLONG: 'has a name that is too long.',
};

function layOut(path: string): DataDirectory {
  const run = join(path, 'run');
  return {
    path,
    run,
    logs: join(path, 'logs'),
    nats: join(path, 'nats'),
    postgres: join(path, 'postgres'),
    agent: join(path, 'agent'),
    archive: join(path, 'archive'),
    settings: join(run, 'settings.toml'),
    natsConfiguration: join(run, 'nats.conf'),
    ports: join(run, 'ports.json'),
    secrets: join(path, 'secrets.json'),
    administrator: join(path, 'administrator.json'),
    sshHostKey: join(path, 'ssh-host-key'),
    profile: join(path, 'profile.json'),
  };
}

function requireSpace(path: string): void {
  const { bavail, bsize } = statfsSync(path);
  const freeBytes = bavail * bsize;
  if (freeBytes >= FREE_BYTES_MIN) return;
  const [free, least] = [freeBytes, FREE_BYTES_MIN].map((bytes) => Math.floor(bytes / 1024 ** 2));
  throw new DeployFailure(
    'deploy.directory-unusable',
    `the data directory ${path} is on a disk with only ${free} MiB free, and ${least} MiB are needed; make room, or choose another with --data-dir.`,
  );
}
