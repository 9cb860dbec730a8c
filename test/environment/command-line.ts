import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ORRERY = fileURLToPath(new URL('../../deploy/orrery', import.meta.url));

export interface Spoken {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One `orrery …` as a person would type it, with the profile of that data directory. */
export function runOrrery(dataDirectory: string, ...args: readonly string[]): Promise<Spoken> {
  return pipeOrrery(dataDirectory, '', ...args);
}

/** The same, with something on its standard input. */
export function pipeOrrery(
  dataDirectory: string,
  input: string,
  ...args: readonly string[]
): Promise<Spoken> {
  const child = spawn(ORRERY, args, { stdio: 'pipe', env: environOf(dataDirectory) });
  // One that ends without reading it.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (bytes) => {
    stdout += bytes;
  });
  child.stderr.on('data', (bytes) => {
    stderr += bytes;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** One at a terminal of its own. */
export interface SeatedOrrery {
  type(text: string): void;
  /** All that its terminal was sent. */
  shown(): string;
  /** Resolves when that has it. @throws after a while. */
  shows(pattern: RegExp): Promise<void>;
  readonly code: Promise<number | null>;
}

const SHOWN_MS_MAX = 60_000;
/** Gives what it runs a terminal of its own (util-linux). */
const SEAT = 'script';

/** At a terminal of 101 columns and 31 rows. */
export function seatOrrery(dataDirectory: string, ...args: readonly string[]): SeatedOrrery {
  const words = [ORRERY, ...args].map((word) => `'${word}'`).join(' ');
  const line = `stty cols 101 rows 31; exec ${words}`;
  const child = spawn(SEAT, ['--quiet', '--return', '--flush', '-c', line, '/dev/null'], {
    stdio: 'pipe',
    env: { ...environOf(dataDirectory), TERM: 'xterm-256color', SHELL: '/bin/sh' },
  });
  let shown = '';
  let changed = Promise.withResolvers<void>();
  child.stdout.on('data', (bytes: Buffer) => {
    shown += bytes.toString('latin1');
    changed.resolve();
    changed = Promise.withResolvers();
  });
  return {
    type: (text) => void child.stdin.write(text),
    shown: () => shown,
    async shows(pattern) {
      const late = new Promise<never>((_, reject) => {
        AbortSignal.timeout(SHOWN_MS_MAX).addEventListener('abort', () =>
          reject(new Error(`${pattern} was not shown in ${JSON.stringify(shown.slice(-2_000))}`)),
        );
      });
      late.catch(() => undefined);
      while (!pattern.test(shown)) await Promise.race([changed.promise, late]);
    },
    code: new Promise((resolve) => child.once('close', (code) => resolve(code))),
  };
}

function environOf(dataDirectory: string): NodeJS.ProcessEnv {
  return { ...process.env, ORRERY_PROFILE: join(dataDirectory, 'profile.json'), NO_COLOR: '1' };
}
