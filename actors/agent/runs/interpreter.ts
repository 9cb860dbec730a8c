import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Clock, type ConsoleItem, OrreryError, type RunLanguage } from '@orrery/bus';
import type { ContainerDriver, ExecProcess } from '../container-driver.ts';
import { dialects } from './dialects.ts';
import { InBandParser, type OutputPart, type RunnerMessage } from './in-band.ts';

const SECRET_BYTES = 16;
const READY_MS_MAX = 60_000;
const COMPLETION_MS_MAX = 2_000;
/** What an interpreter that does not start may say about it. */
const COMPLAINT_CHARACTERS_MAX = 16 * 1024;

/** Where the output of one cell goes. `print` makes the cell wait until it resolves. */
export interface CellSink {
  print(item: ConsoleItem): Promise<void>;
  waitsForInput(isPassword: boolean): void;
}

export type CellEnd =
  | { readonly kind: 'done'; readonly exitCode: number }
  /** The interpreter is no more. Null: nobody knows how it ended. */
  | { readonly kind: 'gone'; readonly exitCode: number | null };

export class InterpreterNotStarted extends OrreryError {
  override readonly name = 'InterpreterNotStarted';
  readonly code = 'interpreter-not-started';
  readonly isRetryable = false;

  constructor(program: string, why: string, options?: { readonly cause: unknown }) {
    super(`${program} could not be started in this image: ${why}`, options);
  }
}

interface Cell {
  readonly sink: CellSink;
  readonly end: PromiseWithResolvers<CellEnd>;
  isErrorDone: boolean;
  exitCode: number | undefined;
}

export interface InterpreterParts {
  readonly driver: ContainerDriver;
  readonly clock: Clock;
  readonly kernel: string;
  readonly language: RunLanguage;
  /** Where the kernel's programs find the runner's files. */
  readonly directory: string;
}

/** An interpreter inside a kernel, which keeps its state from cell to cell. */
export class Interpreter implements AsyncDisposable {
  readonly #parts: InterpreterParts;
  readonly #process: ExecProcess;
  readonly #secret: string;
  readonly #ready = Promise.withResolvers<void>();
  readonly #over = new AbortController();
  readonly #completions = new Map<number, (suggestions: readonly string[]) => void>();
  /** Resolves when it is gone. */
  readonly gone: Promise<void>;
  readonly #readyOn = new Set<'stdout' | 'stderr'>();
  #cell: Cell | undefined;
  #complaint = '';
  #cells = 0;
  #completionsAsked = 0;

  private constructor(parts: InterpreterParts, process: ExecProcess, secret: string) {
    this.#parts = parts;
    this.#process = process;
    this.#secret = secret;
    this.gone = this.#listen();
  }

  /** @throws {InterpreterNotStarted} and what the driver throws. */
  static async start(parts: InterpreterParts, signal: AbortSignal): Promise<Interpreter> {
    const { driver, kernel, language, directory, clock } = parts;
    const { program, file, args = [], hello } = dialects[language];
    const secret = randomBytes(SECRET_BYTES).toString('hex');
    const command = [program, join(directory, file), ...args];
    const environ =
      language === 'python' ? { PYTHONUNBUFFERED: '', PYTHONIOENCODING: 'utf-8' } : {};
    let process: ExecProcess;
    try {
      process = await driver.exec({ kernel, command, environ }, signal);
    } catch (cause) {
      if (!(cause instanceof OrreryError) || cause.code !== 'exec-failed') throw cause;
      throw new InterpreterNotStarted(program, cause.message, { cause });
    }
    const interpreter = new Interpreter(parts, process, secret);
    await process.write(Buffer.from(hello(secret)));
    const started = new AbortController();
    const limited = AbortSignal.any([signal, started.signal]);
    const late = clock.sleep(READY_MS_MAX, limited).then(
      () => 'late' as const,
      () => 'late' as const,
    );
    const outcome = await Promise.race([
      interpreter.#ready.promise.then(() => 'ready' as const),
      interpreter.gone.then(() => 'gone' as const),
      late,
    ]);
    started.abort(new Error('the start is over'));
    if (outcome === 'ready') return interpreter;
    const why = interpreter.#complaint.trim() || `it said nothing (${outcome})`;
    await interpreter[Symbol.asyncDispose]();
    throw new InterpreterNotStarted(program, why);
  }

  /** One cell at a time. */
  async run(code: string, sink: CellSink): Promise<CellEnd> {
    if (this.#over.signal.aborted) return { kind: 'gone', exitCode: null };
    const end = Promise.withResolvers<CellEnd>();
    this.#cell = { sink, end, isErrorDone: false, exitCode: undefined };
    this.#cells += 1;
    await this.#say(dialects[this.#parts.language].code(code, this.#secret, this.#cells));
    return end.promise;
  }

  async input(text: string): Promise<void> {
    await this.#say(dialects[this.#parts.language].input(text));
  }

  async interrupt(): Promise<void> {
    await this.#say(dialects[this.#parts.language].interrupt(this.#secret, this.#cells));
  }

  async complete(code: string): Promise<readonly string[]> {
    this.#completionsAsked += 1;
    const id = this.#completionsAsked;
    const asked = dialects[this.#parts.language].complete({ id, code });
    if (asked === undefined || this.#over.signal.aborted) return [];
    const answer = Promise.withResolvers<readonly string[]>();
    this.#completions.set(id, answer.resolve);
    await this.#say(asked);
    const late = this.#parts.clock.sleep(COMPLETION_MS_MAX, this.#over.signal).then(
      () => [],
      () => [],
    );
    const suggestions = await Promise.race([answer.promise, late]);
    this.#completions.delete(id);
    return suggestions;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort(new Error('the interpreter is ended'));
    this.#process.endInput();
    try {
      await this.#process[Symbol.asyncDispose]();
    } catch {
      // The engine lost it; it ends with its kernel.
    }
  }

  async #say(text: string | undefined): Promise<void> {
    if (text !== undefined && !this.#over.signal.aborted)
      await this.#process.write(Buffer.from(text));
  }

  async #listen(): Promise<void> {
    const parsers = {
      stdout: new InBandParser(this.#secret),
      stderr: new InBandParser(this.#secret),
    };
    try {
      for await (const { source, bytes } of this.#process.output)
        for (const part of parsers[source].push(bytes)) await this.#take(source, part);
      for (const source of ['stdout', 'stderr'] as const)
        for (const part of parsers[source].flush()) await this.#take(source, part);
    } catch {
      // The engine lost it; that is told below.
    }
    const exitCode = await this.#process
      .waitForExit(AbortSignal.timeout(COMPLETION_MS_MAX))
      .catch(() => null);
    this.#over.abort(new Error('the interpreter is gone'));
    this.#cell?.end.resolve({ kind: 'gone', exitCode: this.#cell.exitCode ?? exitCode });
  }

  async #take(source: 'stdout' | 'stderr', part: OutputPart): Promise<void> {
    if (part.kind === 'message') {
      await this.#hear(source, part.message);
      return;
    }
    if (this.#cell !== undefined) await this.#cell.sink.print([source, part.text]);
    else this.#complaint = `${this.#complaint}${part.text}`.slice(-COMPLAINT_CHARACTERS_MAX);
  }

  async #hear(source: 'stdout' | 'stderr', message: RunnerMessage): Promise<void> {
    switch (message.kind) {
      case 'ready':
        this.#readyOn.add(source);
        if (dialects[this.#parts.language].readyOn.every((each) => this.#readyOn.has(each)))
          this.#ready.resolve();
        return;
      case 'media':
        await this.#cell?.sink.print(['media', [message.mime, message.content]]);
        return;
      case 'left-out': {
        const text = `a message of ${message.bytes} bytes was left out: it is too long`;
        await this.#cell?.sink.print(logItem(this.#parts.clock, 'warning', text));
        return;
      }
      case 'waiting-input':
        this.#cell?.sink.waitsForInput(message.isPassword);
        return;
      case 'completion':
        this.#completions.get(message.id)?.(message.suggestions);
        return;
      case 'ended':
        if (this.#cell !== undefined) this.#cell.exitCode = message.exitCode;
        return;
      case 'done':
        this.#finish(source, message);
    }
  }

  #finish(
    source: 'stdout' | 'stderr',
    { exitCode, cell: number }: Extract<RunnerMessage, { readonly kind: 'done' }>,
  ): void {
    const cell = this.#cell;
    // A shell that was interrupted tells it twice.
    if (cell === undefined || (number !== undefined && number !== this.#cells)) return;
    if (source === 'stderr') cell.isErrorDone = true;
    else cell.exitCode = exitCode ?? 0;
    if (!cell.isErrorDone || cell.exitCode === undefined) return;
    this.#cell = undefined;
    cell.end.resolve({ kind: 'done', exitCode: cell.exitCode });
  }
}

export function logItem(
  clock: Clock,
  level: 'info' | 'warning' | 'error',
  message: string,
): ConsoleItem {
  const time = new Date(clock.nowMs()).toISOString();
  return ['log', [level, time, 'orrery.runner', message]];
}
