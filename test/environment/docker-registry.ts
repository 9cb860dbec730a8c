import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { cacheDirectory } from '../../deploy/embedded/cache-directory.ts';
import { runCommand } from '../../deploy/embedded/command.ts';
import { findArchives, PackageSource } from '../../deploy/embedded/debian-packages.ts';
import { findFreePort } from '../../deploy/embedded/port.ts';
import { EnvironmentChild } from './child.ts';
import { makeScratch } from './scratch.ts';

const PROBE_WITHIN_MS = 10_000;
const BCRYPT_SALT_LETTERS = 22;

export interface RegistryLogin {
  readonly username: string;
  readonly password: string;
}

export interface TestRegistry {
  /** As it stands before the first slash of an image reference. */
  readonly host: string;
  readonly url: string;
  readonly login: RegistryLogin | undefined;
  /** `GET /v2/…` and so on of every request since the start, in order. */
  requests(): readonly string[];
  stop(): Promise<void>;
}

/**
 * Path of Debian's `docker-registry`: from the PATH, the cache, or the packages of this machine's archive,
 * whose scripts are not run. @throws when there is none and none could be fetched.
 */
async function obtainRegistry(): Promise<string> {
  const kept = join(cacheDirectory(), `docker-registry-${arch()}`);
  for (const candidate of ['docker-registry', kept])
    if (await answers(candidate, '--version')) return candidate;
  process.stderr.write('fetching docker-registry (once)\n');
  const work = mkdtempSync(join(cacheDirectory(), 'fetch-'));
  try {
    for (const [index, archive] of (await findArchives()).entries()) {
      const source = new PackageSource(archive, join(work, `archive-${index}`));
      const root = join(work, `root-${index}`);
      const isThere = (await source.update()) && (await source.extract(['docker-registry'], root));
      const binary = join(root, 'usr/bin/docker-registry');
      if (!isThere || !existsSync(binary)) continue;
      const copy = join(work, 'docker-registry');
      copyFileSync(binary, copy);
      chmodSync(copy, 0o755);
      renameSync(copy, kept);
      return kept;
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  throw new Error('docker-registry could not be fetched: it needs apt and the archive of Debian');
}

/** A real registry on loopback, empty; with a login it lets nobody else in. */
export async function startRegistry(login?: RegistryLogin): Promise<TestRegistry> {
  const program = await obtainRegistry();
  const scratch = makeScratch('registry');
  const store = join(scratch.path, 'store');
  mkdirSync(store);
  const port = await findFreePort();
  const configuration = join(scratch.path, 'config.yml');
  const accounts = join(scratch.path, 'htpasswd');
  if (login !== undefined) writeFileSync(accounts, await accountLine(login), { mode: 0o600 });
  writeFileSync(configuration, settings({ store, port, accounts: login && accounts }));
  const log = join(scratch.path, 'log');
  const child = new EnvironmentChild({ command: program, args: ['serve', configuration] }, { log });
  const url = `http://127.0.0.1:${port}`;
  await child.becomesReady(() => isAnswering(url));
  return {
    host: `127.0.0.1:${port}`,
    url,
    login,
    requests: () =>
      [...readFileSync(log, 'utf8').matchAll(/"((?:GET|HEAD|PUT|POST|PATCH) \S+) HTTP/g)].map(
        ([, line]) => line ?? '',
      ),
    async stop() {
      if (child.isRunning) await child.end('SIGTERM');
      scratch.remove();
    },
  };
}

function settings({
  store,
  port,
  accounts,
}: {
  readonly store: string;
  readonly port: number;
  readonly accounts: string | undefined;
}): string {
  return [
    'version: 0.1',
    'log:',
    '  level: warn',
    'storage:',
    '  filesystem:',
    `    rootdirectory: ${JSON.stringify(store)}`,
    'http:',
    `  addr: 127.0.0.1:${port}`,
    ...(accounts === undefined
      ? []
      : [
          'auth:',
          '  htpasswd:',
          '    realm: orrery test',
          `    path: ${JSON.stringify(accounts)}`,
        ]),
    '',
  ].join('\n');
}

/** The registry knows bcrypt only, which the C library has; perl is part of every Debian. */
async function accountLine({ username, password }: RegistryLogin): Promise<string> {
  const salt = randomBytes(BCRYPT_SALT_LETTERS).toString('hex').slice(0, BCRYPT_SALT_LETTERS);
  const script = 'my $word = <STDIN>; print crypt($word, $ARGV[0])';
  const args = ['-e', script, `$2y$05$${salt}`];
  const made = await runCommand('perl', args, { input: password, withinMs: PROBE_WITHIN_MS });
  if (!made.stdout.startsWith('$2')) throw new Error(`perl made no bcrypt hash: ${made.stderr}`);
  return `${username}:${made.stdout}\n`;
}

async function isAnswering(url: string): Promise<boolean> {
  try {
    const { status } = await fetch(`${url}/v2/`, { signal: AbortSignal.timeout(PROBE_WITHIN_MS) });
    return status === 200 || status === 401;
  } catch {
    return false;
  }
}

async function answers(program: string, ...args: readonly string[]): Promise<boolean> {
  return (await runCommand(program, args, { withinMs: PROBE_WITHIN_MS })).code === 0;
}
