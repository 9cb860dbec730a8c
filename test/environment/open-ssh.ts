import { spawn } from 'node:child_process';
import { runCommand } from '../../deploy/embedded/command.ts';

const INSTALL_WITHIN_MS = 240_000;
const PROBE_WITHIN_MS = 10_000;
const RUN_WITHIN_MS = 120_000;
/** A program, and how it is asked whether it is there. */
const TOOLS = [
  ['ssh', '-V'],
  ['ssh-keygen', '-?'],
  ['rsync', '--version'],
] as const;

export interface Ended {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** OpenSSH's own clients and rsync, from the packages of this machine where they are missing. @throws */
export async function requireOpenSsh(): Promise<void> {
  if (await areThere()) return;
  if (process.getuid?.() === 0) {
    process.stderr.write('installing openssh-client and rsync with apt-get\n');
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const options = { env, withinMs: INSTALL_WITHIN_MS };
    await runCommand('apt-get', ['update', '-qq'], options);
    const args = ['install', '-y', '-qq', '--no-install-recommends', 'openssh-client', 'rsync'];
    await runCommand('apt-get', args, options);
  }
  if (!(await areThere()))
    throw new Error('openssh-client and rsync are needed, and could not be installed with apt-get');
}

/** One program with its input, to its end. */
export function runTool(
  program: string,
  args: readonly string[],
  input: Uint8Array | string = '',
): Promise<Ended> {
  const child = spawn(program, args, { stdio: 'pipe', timeout: RUN_WITHIN_MS });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (bytes: Buffer) => stdout.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout: Buffer.concat(stdout), stderr }));
  });
}

async function areThere(): Promise<boolean> {
  for (const [program, ...args] of TOOLS) {
    const { code } = await runCommand(program, args, { withinMs: PROBE_WITHIN_MS });
    // What is there answers, if only that it knows no such option.
    if (code === null || code === 127) return false;
  }
  return true;
}
