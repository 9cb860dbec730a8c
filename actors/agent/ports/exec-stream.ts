import { Duplex } from 'node:stream';
import type { ExecProcess } from '../container-driver.ts';

/** Standard input and output of a program as one stream; disposing of it ends the program. */
export class ExecStream extends Duplex {
  readonly #process: ExecProcess;
  readonly #output: AsyncIterator<Buffer>;
  /** The end of what it said on standard error. */
  said = '';

  constructor(process: ExecProcess) {
    super({ allowHalfOpen: true });
    this.#process = process;
    this.#output = this.#outputOf(process);
  }

  override _read(): void {
    this.#output.next().then(
      ({ done, value }) => this.push(done === true ? null : value),
      (cause: unknown) => this.destroy(asError(cause)),
    );
  }

  override _write(bytes: Buffer, _encoding: string, done: (cause?: Error) => void): void {
    this.#process.write(bytes).then(
      () => done(),
      (cause: unknown) => done(asError(cause)),
    );
  }

  override _final(done: () => void): void {
    this.#process.endInput();
    done();
  }

  override _destroy(cause: Error | null, done: (cause: Error | null) => void): void {
    this.#leave(cause === null && this.readableEnded && this.writableFinished).then(
      () => done(cause),
      () => done(cause),
    );
  }

  /** What it was given at last is passed on before it is ended. */
  async #leave(isOver: boolean): Promise<void> {
    if (isOver)
      await this.#process.waitForExit(AbortSignal.timeout(LEAVE_MS_MAX)).catch(() => undefined);
    await this.#process[Symbol.asyncDispose]();
  }

  async *#outputOf({ output }: ExecProcess): AsyncGenerator<Buffer, undefined> {
    for await (const { source, bytes } of output)
      if (source === 'stdout') yield Buffer.from(bytes);
      else this.said = `${this.said}${bytes.toString()}`.slice(-SAID_CHARACTERS_MAX);
  }
}

const SAID_CHARACTERS_MAX = 1_000;
const LEAVE_MS_MAX = 5_000;

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause));
}
