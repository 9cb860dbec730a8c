import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { cacheDirectory } from './cache-directory.ts';
import { runCommand } from './command.ts';
import { findArchives, newest, PackageSource } from './debian-packages.ts';
import { DeployFailure } from './failure.ts';

/** Scheduled messages, which carry the durable timers, need this version. */
export const NATS_VERSION_MIN: readonly [number, number] = [2, 14];

const RELEASE_VERSION = '2.15.1';
const RELEASES = 'https://github.com/nats-io/nats-server/releases/download';
const VERSION_WITHIN_MS = 10_000;
const DOWNLOAD_WITHIN_MS = 180_000;
const DOWNLOAD_BYTES_MAX = 100 * 1024 * 1024;

/**
 * Path of a nats-server that is new enough: from `ORRERY_NATS_SERVER`, the PATH, the cache, the
 * distribution's archive, or the official release, in this order.
 * @throws {DeployFailure} `deploy.part-missing` when there is none and none could be fetched.
 */
export async function obtainNatsServer(progress: (line: string) => void): Promise<string> {
  const named = process.env['ORRERY_NATS_SERVER'];
  if (named !== undefined && named !== '') return requireNew(named);
  const cache = cacheDirectory();
  const candidates = ['nats-server', '/usr/sbin/nats-server', ...cached(cache)];
  for (const candidate of candidates) if (isNewEnough(await versionOf(candidate))) return candidate;
  progress('fetching nats-server (once)');
  const work = mkdtempSync(join(cache, 'fetch-'));
  try {
    const fetched = (await fromArchive(work)) ?? (await fromRelease(work));
    if (fetched !== undefined) return await keep(fetched, cache);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  throw new DeployFailure(
    'deploy.part-missing',
    `nats-server ${NATS_VERSION_MIN.join('.')} or newer was not found and could not be fetched from the distribution's archive or from github.com: install it, or name it in ORRERY_NATS_SERVER.`,
  );
}

/** `[2, 15, 1]` of what a binary says of itself; undefined when it is none. */
async function versionOf(program: string): Promise<readonly number[] | undefined> {
  const { code, stdout } = await runCommand(program, ['--version'], {
    withinMs: VERSION_WITHIN_MS,
  });
  return code === 0 ? parseNatsVersion(stdout) : undefined;
}

export function parseNatsVersion(text: string): readonly number[] | undefined {
  const match = /v?(\d+)\.(\d+)\.(\d+)/.exec(text);
  return match === null ? undefined : match.slice(1).map(Number);
}

export function isNewEnough(version: readonly number[] | undefined): boolean {
  if (version === undefined) return false;
  const [major = 0, minor = 0] = version;
  const [majorMin, minorMin] = NATS_VERSION_MIN;
  return major > majorMin || (major === majorMin && minor >= minorMin);
}

async function requireNew(program: string): Promise<string> {
  if (isNewEnough(await versionOf(program))) return program;
  throw new DeployFailure(
    'deploy.part-missing',
    `ORRERY_NATS_SERVER names ${program}, which is not a nats-server of version ${NATS_VERSION_MIN.join('.')} or newer.`,
  );
}

function cached(cache: string): readonly string[] {
  return readdirSync(cache)
    .filter((name) => /^nats-server-\d/.test(name))
    .sort()
    .reverse()
    .map((name) => join(cache, name));
}

/** Moves the binary to its place in one step, so that two fetching at once do no harm. */
async function keep(binary: string, cache: string): Promise<string> {
  const version = await versionOf(binary);
  const target = join(cache, `nats-server-${version?.join('.')}`);
  const beside = mkdtempSync(join(cache, 'keep-'));
  try {
    const copy = join(beside, 'nats-server');
    copyFileSync(binary, copy);
    chmodSync(copy, 0o755);
    renameSync(copy, target);
  } finally {
    rmSync(beside, { recursive: true, force: true });
  }
  return target;
}

async function fromArchive(work: string): Promise<string | undefined> {
  for (const [index, archive] of (await findArchives()).entries()) {
    const source = new PackageSource(newest(archive), join(work, `archive-${index}`));
    const root = join(work, `root-${index}`);
    if (!(await source.update()) || !(await source.extract(['nats-server'], root))) continue;
    for (const place of ['usr/sbin', 'usr/bin']) {
      const binary = join(root, place, 'nats-server');
      if (isNewEnough(await versionOf(binary))) return binary;
    }
  }
  return undefined;
}

/** The official build, checked against the checksums published with the release. */
async function fromRelease(work: string): Promise<string | undefined> {
  const machine = arch() === 'x64' ? 'amd64' : arch();
  const name = `nats-server-v${RELEASE_VERSION}-linux-${machine}`;
  const sums = await download(`${RELEASES}/v${RELEASE_VERSION}/SHA256SUMS`);
  const packed = await download(`${RELEASES}/v${RELEASE_VERSION}/${name}.tar.gz`);
  if (sums === undefined || packed === undefined) return undefined;
  const line = sums
    .toString('utf8')
    .split('\n')
    .find((each) => each.trim().endsWith(`${name}.tar.gz`));
  const digest = createHash('sha256').update(packed).digest('hex');
  if (line?.split(/\s+/)[0] !== digest) return undefined;
  const file = join(work, 'release.tar.gz');
  writeFileSync(file, packed);
  await runCommand('tar', ['-xzf', file, '-C', work], { withinMs: DOWNLOAD_WITHIN_MS });
  const binary = join(work, name, 'nats-server');
  return isNewEnough(await versionOf(binary)) ? binary : undefined;
}

async function download(url: string): Promise<Buffer | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_WITHIN_MS) });
    if (!answer.ok) return undefined;
    const body = Buffer.from(await answer.arrayBuffer());
    return body.length > DOWNLOAD_BYTES_MAX ? undefined : body;
  } catch {
    // Whatever kept it away, the caller goes on without and says so in one sentence.
    return undefined;
  }
}
