import { OrreryError } from '@orrery/bus';
import type { ContainerDriver, ExecProcess } from '../container-driver.ts';
import { AppRefused } from './errors.ts';

const OUTPUT_BYTES_MAX = 1024 * 1024;
const COMMAND_MS_MAX = 60_000;

export interface KernelShellParts {
  readonly driver: ContainerDriver;
  readonly kernel: string;
  /** Where the kernel's programs find the runner's files. */
  readonly runner: string;
  readonly signal: AbortSignal;
}

export interface CommandEnd {
  /** Null: nobody knows. */
  readonly exitCode: number | null;
  readonly out: string;
  readonly err: string;
}

/** Programs that are run inside a kernel for an app, to their end. */
export class KernelShell {
  readonly #parts: KernelShellParts;

  constructor(parts: KernelShellParts) {
    this.#parts = parts;
  }

  /** The path of one of the runner's files, as the kernel's programs see it. */
  runnerFile(name: string): string {
    return `${this.#parts.runner}/${name}`;
  }

  /** @throws {AppRefused} `app-program-missing` and what the driver throws. */
  async begin(
    command: readonly string[],
    environ: Readonly<Record<string, string>> = {},
  ): Promise<ExecProcess> {
    const { driver, kernel, signal } = this.#parts;
    try {
      return await driver.exec({ kernel, command, environ }, signal);
    } catch (cause) {
      if (!(cause instanceof OrreryError) || cause.code !== 'exec-failed') throw cause;
      throw missing(command[0] ?? '', cause);
    }
  }

  /** Its output and its end; no more of it than `OUTPUT_BYTES_MAX`. */
  async run(command: readonly string[]): Promise<CommandEnd> {
    await using process = await this.begin(command);
    process.endInput();
    const limit = AbortSignal.any([this.#parts.signal, AbortSignal.timeout(COMMAND_MS_MAX)]);
    const texts = { stdout: '', stderr: '' };
    const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
    let bytesTotal = 0;
    const reading = async (): Promise<void> => {
      for await (const { source, bytes } of process.output) {
        bytesTotal += bytes.length;
        if (bytesTotal <= OUTPUT_BYTES_MAX)
          texts[source] += decoders[source].decode(bytes, { stream: true });
      }
    };
    await within(reading(), limit);
    const exitCode = await process.waitForExit(limit);
    return { exitCode, out: texts.stdout, err: texts.stderr };
  }
}

export function missing(program: string, cause?: unknown): AppRefused {
  const message = `the program ${program} is not in the image of this session`;
  return new AppRefused('app-program-missing', message, { cause });
}

function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
