import { spawn } from 'node:child_process';

/** Bytes of output kept of one command; what is beyond is dropped from the front. */
const OUTPUT_BYTES_MAX = 4 * 1024 * 1024;

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Files given to the command as descriptors 3, 4, … */
  readonly descriptors?: readonly number[];
  readonly withinMs: number;
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. Never throws for its exit code; a program that is absent has code 127. */
export function runCommand(
  program: string,
  args: readonly string[],
  { descriptors = [], input, withinMs, ...options }: CommandOptions,
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      ...options,
      stdio: ['pipe', 'pipe', 'pipe', ...descriptors],
      // Not `timeout`: its timer outlives a program that could not be started.
      signal: AbortSignal.timeout(withinMs),
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(-OUTPUT_BYTES_MAX);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-OUTPUT_BYTES_MAX);
    });
    child.once('error', (error) => resolve({ code: 127, stdout, stderr: String(error) }));
    child.once('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? '');
  });
}

/** Lines of a crash report that say nothing by themselves: stack frames, brackets, Node's version. */
const NOISE = /^(at |[\]{}^~ ]*$|Node\.js v|node:|\w+: ('.*'|\[.*\]),?$)/;

/** The last line of some output that tells a person what went wrong. */
export function lastLine(text: string): string {
  return (
    text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !NOISE.test(line))
      .at(-1) ?? ''
  );
}
