import { readFile } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import type { Clock } from '@orrery/bus';
import type Docker from 'dockerode';
import type { Exec } from 'dockerode';
import type { ExecProcess, ExecRequest, TerminalSize } from '../container-driver.ts';
import { EngineRefused, ExecFailed, KernelNotRunning } from '../errors.ts';
import { environLines } from '../kernel-environ.ts';
import { decodeFrames, FrameDecoder, type LogChunk } from '../log-frames.ts';
import { callEngine } from './engine.ts';

/** After its output ended a program may count as running for a moment. */
const SETTLE_MS_MAX = 5_000;
const SETTLE_STEP_MS = 10;
const DISPOSE_MS_MAX = 5_000;

/**
 * Runs a program beside the kernel's own.
 * @throws {KernelNotRunning} | {ExecFailed} in the engine's words.
 */
export async function openExec(
  place: { readonly docker: Docker; readonly clock: Clock; readonly containerId: string },
  request: ExecRequest,
  signal: AbortSignal,
): Promise<ExecProcess> {
  const { docker, clock, containerId } = place;
  const { terminal } = request;
  const hasTerminal = terminal !== undefined;
  try {
    const exec = await callEngine('preparing a command', signal, (limited) =>
      docker.getContainer(containerId).exec({
        Cmd: [...request.command],
        Env: [
          ...environLines(request.environ),
          ...(hasTerminal && request.environ['TERM'] === undefined ? ['TERM=xterm-256color'] : []),
        ],
        AttachStdin: true,
        AttachStdout: true,
        AttachStderr: true,
        Tty: hasTerminal,
        abortSignal: limited,
      }),
    );
    const stream = await callEngine('running a command', signal, () =>
      exec.start({
        hijack: true,
        stdin: true,
        Tty: hasTerminal,
        // Engines of before take no notice, and are told right after the start.
        ...(terminal === undefined ? {} : { ConsoleSize: [terminal.rows, terminal.columns] }),
      }),
    );
    const output = hasTerminal ? 'terminal' : 'frames';
    const process = new DockerExec({ exec, stream, clock, containerId, output });
    if (hasTerminal) await process.resize(terminal).catch(() => undefined);
    return process;
  } catch (cause) {
    if (!(cause instanceof EngineRefused)) throw cause;
    if (cause.status === 409) throw new KernelNotRunning(request.kernel);
    throw new ExecFailed(cause.why, { cause });
  }
}

/** Over the engine's hijacked connection. */
class DockerExec implements ExecProcess {
  readonly output: AsyncIterable<LogChunk>;
  readonly #exec: Exec;
  readonly #stream: Duplex;
  readonly #clock: Clock;
  readonly #containerId: string;
  #isOver = false;

  constructor(options: {
    readonly exec: Exec;
    readonly stream: Duplex;
    readonly clock: Clock;
    readonly containerId: string;
    readonly output: 'frames' | 'terminal';
  }) {
    this.#exec = options.exec;
    this.#stream = options.stream;
    this.#clock = options.clock;
    this.#containerId = options.containerId;
    // Writes after the program ended fail; that it ended is told by the output.
    this.#stream.on('error', () => undefined);
    this.output =
      options.output === 'frames'
        ? decodeFrames(options.stream, new FrameDecoder())
        : terminalChunks(options.stream);
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (!this.#stream.writable) return;
    await new Promise<void>((resolve) => {
      this.#stream.write(bytes, () => resolve());
    });
  }

  endInput(): void {
    this.#stream.end();
  }

  async resize({ columns, rows }: TerminalSize): Promise<void> {
    await callEngine('resizing a terminal', AbortSignal.timeout(DISPOSE_MS_MAX), (limited) =>
      this.#exec.resize({ w: columns, h: rows, abortSignal: limited }),
    );
  }

  async waitForExit(signal: AbortSignal): Promise<number | null> {
    const deadlineMs = this.#clock.nowMs() + SETTLE_MS_MAX;
    for (;;) {
      const { Running, ExitCode } = await callEngine('asking for an exit code', signal, (limited) =>
        this.#exec.inspect({ abortSignal: limited }),
      );
      if (!Running) {
        this.#isOver = true;
        return ExitCode;
      }
      if (this.#clock.nowMs() >= deadlineMs) return null;
      await this.#clock.sleep(SETTLE_STEP_MS, signal);
    }
  }

  /** The engine has no call for it: the program is ended through the node, where that is allowed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stream.destroy();
    if (this.#isOver) return;
    const { Running, Pid } = await callEngine(
      'looking for a program to end',
      AbortSignal.timeout(DISPOSE_MS_MAX),
      (limited) => this.#exec.inspect({ abortSignal: limited }),
    );
    if (!Running || Pid <= 0) return;
    try {
      // The engine may be on another machine, whose process numbers mean something else here.
      const groups = await readFile(`/proc/${Pid}/cgroup`, 'utf8');
      if (groups.includes(this.#containerId)) process.kill(Pid, 'SIGHUP');
    } catch {
      // It ended by itself, or this agent may not signal it: it then ends with its container.
    }
  }
}

async function* terminalChunks(stream: Duplex): AsyncGenerator<LogChunk> {
  let offsetBytes = 0;
  for await (const piece of stream) {
    const bytes = Buffer.from(piece);
    yield { source: 'stdout', bytes, offsetBytes };
    offsetBytes += bytes.length;
  }
}
