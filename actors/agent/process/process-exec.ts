import { type ChildProcess, spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { ExecProcess, TerminalSize } from '../container-driver.ts';
import { ExecFailed, TerminalUnavailable } from '../errors.ts';
import type { LogChunk, LogSource } from '../log-frames.ts';
import { Mailbox } from '../mailbox.ts';
import { childrenOf, exitCodeOf, signalProcess } from './process-tree.ts';

const CHUNKS_WAITING_MAX = 4_096;
/** Of up to 64 KiB each: a program that prints without end takes no more than this of our memory. */
const CHUNKS_RESUME = 16;
const NOT_FOUND = 127;

/** A program beside a kernel's own, as a child of this agent; it ends with the agent or the kernel. */
export class ChildExec implements ExecProcess {
  readonly output: AsyncIterable<LogChunk>;
  readonly #child: ChildProcess;
  readonly #exit: Promise<number>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdin?.on('error', () => undefined);
    this.#exit = new Promise((resolve) => {
      child.once('close', (code, signal) => resolve(exitCodeOf(code, signal)));
    });
    this.output = joined(child);
  }

  /** @throws {TerminalUnavailable} | {ExecFailed} */
  static async start(options: {
    readonly command: readonly string[];
    readonly environ: Readonly<Record<string, string>>;
    readonly directory: string;
    readonly terminal?: TerminalSize | undefined;
  }): Promise<ChildExec> {
    const { terminal } = options;
    const command =
      terminal === undefined ? options.command : inTerminal(options.command, terminal);
    const [program = '', ...args] = command;
    const child = spawn(program, args, {
      cwd: options.directory,
      env: {
        ...(terminal === undefined ? {} : { TERM: 'xterm-256color' }),
        ...options.environ,
        ...(terminal === undefined ? {} : { SHELL: '/bin/sh' }),
      },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const failure = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      child.once('spawn', () => resolve(undefined));
      child.once('error', resolve);
    });
    if (failure === undefined) return new ChildExec(child);
    if (terminal !== undefined) throw new TerminalUnavailable('the program `script` is missing');
    throw new ExecFailed(`${program}: ${failure.code ?? failure.message} (${NOT_FOUND})`, {
      cause: failure,
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      if (this.#child.stdin?.writable !== true) resolve();
      else this.#child.stdin.write(bytes, () => resolve());
    });
  }

  endInput(): void {
    this.#child.stdin?.end();
  }

  async resize({ columns, rows }: TerminalSize): Promise<void> {
    const device = findTerminal(this.#child.pid ?? 0);
    if (device === undefined) return;
    const resizing = spawn('stty', ['-F', device, 'cols', String(columns), 'rows', String(rows)], {
      stdio: 'ignore',
    });
    await new Promise<void>((resolve) => {
      resizing.once('close', () => resolve());
      resizing.once('error', () => resolve());
    });
  }

  waitForExit(signal: AbortSignal): Promise<number | null> {
    return new Promise((resolve, reject) => {
      const stop = (): void => reject(signal.reason);
      signal.addEventListener('abort', stop, { once: true });
      this.#exit.then((code) => {
        signal.removeEventListener('abort', stop);
        resolve(code);
      }, reject);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    signalProcess(-pid, 'SIGHUP');
    signalProcess(-pid, 'SIGKILL');
    await this.#exit;
  }
}

/** Both streams as one, in the order of arrival; the child waits when nobody takes them. */
function joined(child: ChildProcess): AsyncIterable<LogChunk> {
  const chunks = new Mailbox<LogChunk>(CHUNKS_WAITING_MAX);
  const streams: Readable[] = [];
  let offsetBytes = 0;
  let waiting = 0;
  const follow = (source: LogSource, stream: Readable | null): void => {
    if (stream === null) return;
    streams.push(stream);
    stream.on('data', (bytes: Buffer) => {
      chunks.push({ source, bytes, offsetBytes });
      offsetBytes += bytes.length;
      waiting += 1;
      if (waiting >= CHUNKS_RESUME) for (const one of streams) one.pause();
    });
  };
  follow('stdout', child.stdout);
  follow('stderr', child.stderr);
  child.once('close', () => chunks.close());
  return {
    async *[Symbol.asyncIterator]() {
      for await (const chunk of chunks) {
        yield chunk;
        waiting -= 1;
        if (waiting < CHUNKS_RESUME) for (const one of streams) one.resume();
      }
    },
  };
}

/** `script` gives the command a terminal of its own and tells its exit code. */
function inTerminal(command: readonly string[], { columns, rows }: TerminalSize): string[] {
  const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const line = `stty cols ${columns} rows ${rows} echo; exec ${quoted}`;
  return ['script', '--quiet', '--return', '--flush', '--command', line, '/dev/null'];
}

/** The terminal of the command that `script` runs. */
function findTerminal(scriptPid: number): string | undefined {
  for (const pid of childrenOf(scriptPid)) {
    try {
      const device = readlinkSync(`/proc/${pid}/fd/0`);
      if (device.startsWith('/dev/pts/')) return device;
    } catch {
      // It ended, or is not ours to look at.
    }
  }
  return undefined;
}
