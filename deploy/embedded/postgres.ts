import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type Account, unprivilegedAccount } from './account.ts';
import { comesTrue } from './clock.ts';
import { lastLine, runCommand } from './command.ts';
import { DeployFailure } from './failure.ts';
import type { Launch } from './launch.ts';
import { obtainPostgres } from './postgres-binaries.ts';

export const POSTGRES_USER = 'orrery';
export const POSTGRES_DATABASE = 'orrery';

const INITDB_WITHIN_MS = 120_000;
const ORPHANS_WITHIN_MS = 10_000;

export interface PostgresCluster {
  /** Path of the cluster for the eyes of the current user. */
  readonly directory: string;
  readonly binaries: string;
  readonly account: Account | undefined;
}

/**
 * The cluster in `directory`, made on first use with one database and one user whose password is
 * `password`. A set-up that was interrupted is begun again.
 * @throws {DeployFailure}
 */
export async function preparePostgres(
  directory: string,
  password: string,
): Promise<PostgresCluster> {
  const account = unprivilegedAccount();
  const binaries = await obtainPostgres(account);
  if (!existsSync(directory)) {
    const unfinished = { directory: `${directory}.new`, binaries, account };
    await initialise(unfinished, password);
    renameSync(unfinished.directory, directory);
  }
  return { directory, binaries, account };
}

/** How to start the server on `port`, durable as PostgreSQL is by default unless `settings` differ. */
export function launchPostgres(
  cluster: PostgresCluster,
  port: number,
  settings: Readonly<Record<string, string>> = {},
): Launch {
  const all = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    ...settings,
  };
  return inCluster(cluster, (directory) => ({
    command: join(cluster.binaries, 'bin', 'postgres'),
    args: [
      '-D',
      directory,
      '-p',
      String(port),
      ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
  }));
}

/**
 * Clears what a server that was killed left behind: its children, which hold the shared memory, and
 * its pid file, whose number may by now belong to another process. Only the owner of the directory's
 * lock may call this.
 */
export async function clearPostgresRemains({ directory }: PostgresCluster): Promise<void> {
  const cwd = realpathSync(directory);
  const gone = await comesTrue(() => endProcessesIn(cwd) === 0, {
    withinMs: ORPHANS_WITHIN_MS,
    everyMs: 10,
  });
  if (!gone)
    throw new DeployFailure(
      'deploy.part-failed',
      `processes of an earlier PostgreSQL in ${directory} could not be ended.`,
    );
  rmSync(join(directory, 'postmaster.pid'), { force: true });
}

/** Whether the server accepts connections; it says so in its pid file. */
export function isPostgresReady({ directory }: PostgresCluster): boolean {
  try {
    return (
      readFileSync(join(directory, 'postmaster.pid'), 'utf8').split('\n')[7]?.trim() === 'ready'
    );
  } catch {
    return false;
  }
}

async function initialise(cluster: PostgresCluster, password: string): Promise<void> {
  const { directory, binaries, account } = cluster;
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { mode: 0o700, recursive: true });
  const secret = join(dirname(directory), '.postgres-password');
  writeFileSync(secret, `${password}\n`, { mode: 0o600 });
  if (account !== undefined)
    for (const path of [directory, secret]) chownSync(path, account.uid, account.gid);
  const secretDescriptor = openSync(secret, 'r');
  try {
    await step(cluster, secretDescriptor, (place) => ({
      command: join(binaries, 'bin', 'initdb'),
      args: [
        ...['-D', place, '--pwfile=/proc/self/fd/4', '--auth=scram-sha-256'],
        ...[`--username=${POSTGRES_USER}`, '--encoding=UTF8', '--locale=C', '--no-instructions'],
      ],
    }));
  } finally {
    closeSync(secretDescriptor);
    rmSync(secret, { force: true });
  }
  await step(cluster, undefined, (place) => ({
    command: join(binaries, 'bin', 'postgres'),
    args: ['--single', '-D', place, 'postgres'],
    input: `CREATE DATABASE ${POSTGRES_DATABASE};\n`,
  }));
}

interface Step {
  readonly command: string;
  readonly args: readonly string[];
  readonly input?: string;
}

async function step(
  cluster: PostgresCluster,
  descriptor: number | undefined,
  describe: (place: string) => Step,
): Promise<void> {
  const directory = openSync(cluster.directory, 'r');
  try {
    const {
      command,
      args,
      input = '',
    } = describe(cluster.account === undefined ? cluster.directory : '/proc/self/fd/3');
    const { code, stderr } = await runCommand(command, args, {
      ...cluster.account,
      cwd: '/',
      env: { LC_ALL: 'C', PATH: process.env['PATH'] ?? '' },
      input,
      descriptors: descriptor === undefined ? [directory] : [directory, descriptor],
      withinMs: INITDB_WITHIN_MS,
    });
    if (code === 0) return;
    throw new DeployFailure(
      'deploy.part-failed',
      `PostgreSQL could not be set up in ${cluster.directory}: ${lastLine(stderr)}`,
    );
  } finally {
    closeSync(directory);
  }
}

/**
 * Another account reaches the cluster by an open directory, so that it may lie below a home of mode
 * 0700; the same user goes by the path.
 */
function inCluster(
  { directory, account }: PostgresCluster,
  describe: (place: string) => { readonly command: string; readonly args: readonly string[] },
): Launch {
  const env = { LC_ALL: 'C', PATH: process.env['PATH'] ?? '' };
  if (account === undefined) return { ...describe(directory), cwd: '/', env };
  const descriptor = openSync(directory, 'r');
  return {
    ...describe('/proc/self/fd/3'),
    ...account,
    cwd: '/',
    env,
    descriptors: [descriptor],
    release: () => closeSync(descriptor),
  };
}

/** Kills the processes whose working directory is `cwd` and returns how many there were. */
function endProcessesIn(cwd: string): number {
  let count = 0;
  for (const name of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
    try {
      if (readlinkSync(`/proc/${name}/cwd`) !== cwd) continue;
      if (!readFileSync(`/proc/${name}/comm`, 'utf8').startsWith('postgres')) continue;
      count += 1;
      process.kill(Number(name), 'SIGKILL');
    } catch {
      // Another user's, or gone meanwhile.
    }
  }
  return count;
}
