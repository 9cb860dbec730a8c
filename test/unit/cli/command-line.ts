import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type Clock, systemClock } from '@orrery/bus';
import { runCli } from '../../../gateway/cli/cli.ts';
import { ACCESS_KEY, SECRET_KEY } from '../client/fake-gateway.ts';

const main = fileURLToPath(new URL('../../../gateway/cli/main.ts', import.meta.url));

export interface Printed {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  readonly homeDirectory?: string;
  readonly stdin?: string;
  readonly clock?: Clock;
  /** Receives the function that presses Ctrl-C. */
  readonly onReady?: (interrupt: () => void) => void;
}

/** A scratch directory with a profile for a gateway. */
export class Profile implements AsyncDisposable {
  readonly directory: string;
  readonly path: string;

  private constructor(directory: string) {
    this.directory = directory;
    this.path = join(directory, 'profile.json');
  }

  static async write(endpoint: string): Promise<Profile> {
    const profile = new Profile(await mkdtemp(join(tmpdir(), 'orrery-cli-')));
    const keys = { endpoint, accessKey: ACCESS_KEY, secretKey: SECRET_KEY };
    await writeFile(profile.path, JSON.stringify(keys), { mode: 0o600 });
    return profile;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** A command line in this process. */
export async function orrery(argv: readonly string[], around: Surroundings = {}): Promise<Printed> {
  const texts = { stdout: '', stderr: '' };
  const collect = (name: 'stdout' | 'stderr') =>
    new Writable({
      write(chunk, _, done) {
        texts[name] += String(chunk);
        done();
      },
    });
  const listeners: (() => void)[] = [];
  around.onReady?.(() => {
    for (const listener of listeners) listener();
  });
  const exitCode = await runCli({
    argv,
    env: around.env ?? {},
    homeDirectory: around.homeDirectory ?? '/nowhere',
    stdin: around.stdin === undefined ? new PassThrough().end() : Readable.from([around.stdin]),
    stdout: collect('stdout'),
    stderr: collect('stderr'),
    clock: around.clock ?? systemClock,
    onInterrupt: (listener) => {
      listeners.push(listener);
    },
  });
  return { exitCode, ...texts };
}

/** The program as a process of its own. */
export function spawnOrrery(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [main, ...argv], {
    env: { PATH: process.env['PATH'], HOME: '/nowhere', ...env },
  });
}

export async function ended(child: ChildProcessWithoutNullStreams): Promise<Printed> {
  const texts = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    texts.stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    texts.stderr += String(chunk);
  });
  const [exitCode] = await once(child, 'close', { signal: AbortSignal.timeout(30_000) });
  return { exitCode: Number(exitCode), ...texts };
}
