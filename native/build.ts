import { execFile } from 'node:child_process';
import { existsSync, realpathSync, statSync } from 'node:fs';
import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** Built apart from `npm install`, which must not fail on a machine without a compiler. */
const BUILD_TIMEOUT_MS = 300_000;
const OUTPUT_BYTES_MAX = 8 * 1024 * 1024;

const folder = join(import.meta.dirname, 'nvml');
const addonPath = join(folder, 'build', 'Release', 'nvml.node');
const stubPath = join(folder, 'build', 'Release', 'nvml_stub.node');

export type NvmlBuild =
  | {
      readonly isBuilt: true;
      readonly work: 'compiled' | 'up-to-date';
      readonly addonPath: string;
      readonly stubPath: string;
    }
  | { readonly isBuilt: false; readonly missing: string };

/**
 * Compiles the addon and the stub library unless they are newer than their sources. No network is used.
 * @throws what node-gyp said, when everything needed is there and the compilation fails all the same.
 */
export async function buildNvml(): Promise<NvmlBuild> {
  if (await isUpToDate()) return { isBuilt: true, work: 'up-to-date', addonPath, stubPath };
  for (const program of ['make', process.env['CC'] ?? 'cc', 'python3']) {
    if (!isOnPath(program)) return { isBuilt: false, missing: `${program} is not installed` };
  }
  const headers = findHeaders();
  if (headers === undefined) return { isBuilt: false, missing: 'the headers of Node' };
  const nodeGyp = findNodeGyp();
  const command = nodeGyp === undefined ? 'npx' : process.execPath;
  const words = nodeGyp === undefined ? ['--no-install', 'node-gyp'] : [nodeGyp];
  if (nodeGyp === undefined && !isOnPath('npx')) return { isBuilt: false, missing: 'node-gyp' };
  // node-gyp writes the path of the headers into a makefile unquoted: no blank may stand in it.
  const scratch = await mkdtemp(join(tmpdir(), 'orrery-nvml-'));
  try {
    const link = join(scratch, 'node');
    await symlink(headers, link);
    await promisify(execFile)(command, [...words, 'rebuild', `--nodedir=${link}`, '--jobs=1'], {
      cwd: folder,
      timeout: BUILD_TIMEOUT_MS,
      maxBuffer: OUTPUT_BYTES_MAX,
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return { isBuilt: true, work: 'compiled', addonPath, stubPath };
}

/** The folder above `include/node`: beside the Node that runs, else the system's (Node-API is stable between them). */
export function findHeaders(): string | undefined {
  return [dirname(dirname(process.execPath)), '/usr', '/usr/local'].find((root) =>
    existsSync(join(root, 'include', 'node', 'node_api.h')),
  );
}

/** The node-gyp that every npm carries. */
function findNodeGyp(): string | undefined {
  const npms = [
    process.env['npm_execpath'],
    ...searchPath().map((place) => join(place, 'npm')),
    join(dirname(dirname(process.execPath)), 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
  ];
  return npms
    .filter((npm) => npm !== undefined && existsSync(npm))
    .map((npm) => join(dirname(realpathSync(String(npm))), '..', 'node_modules'))
    .map((modules) => join(modules, 'node-gyp', 'bin', 'node-gyp.js'))
    .find((script) => existsSync(script));
}

async function isUpToDate(): Promise<boolean> {
  if (!existsSync(addonPath) || !existsSync(stubPath)) return false;
  const built = Math.min(statSync(addonPath).mtimeMs, statSync(stubPath).mtimeMs);
  const names = [...(await readdir(folder)), ...(await readdir(join(folder, 'stub'))).map(inStub)];
  return names
    .filter((name) => /\.(?:c|h|gyp)$/.test(name))
    .every((name) => statSync(join(folder, name)).mtimeMs < built);
}

function inStub(name: string): string {
  return join('stub', name);
}

function isOnPath(program: string): boolean {
  return searchPath().some((place) => existsSync(join(place, program)));
}

function searchPath(): readonly string[] {
  return (process.env['PATH'] ?? '').split(delimiter).filter((place) => place !== '');
}

if (import.meta.main) {
  const build = await buildNvml();
  process.stdout.write(
    build.isBuilt
      ? `nvml: ${build.work}\n`
      : `nvml: not built: ${build.missing}; this node will report no GPU\n`,
  );
}
