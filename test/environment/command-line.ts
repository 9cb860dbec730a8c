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
  return tellOrrery(dataDirectory, '', ...args);
}

/** The same, with something on its standard input. */
export function tellOrrery(
  dataDirectory: string,
  input: string,
  ...args: readonly string[]
): Promise<Spoken> {
  const child = spawn(ORRERY, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ORRERY_PROFILE: join(dataDirectory, 'profile.json'), NO_COLOR: '1' },
  });
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
