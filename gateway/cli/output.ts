import { OutputClosed, OutputFailed } from './errors.ts';
import type { CliIo, TerminalOutput } from './io.ts';

const WIDTH_DEFAULT = 80;
const WIDTH_MIN = 40;

export type Tone = 'plain' | 'faint' | 'good' | 'busy' | 'bad';

const TONES: Readonly<Record<Tone, string>> = {
  plain: '',
  faint: '\u001b[2m',
  good: '\u001b[32m',
  busy: '\u001b[33m',
  bad: '\u001b[31m',
};

/** Results go to standard output, all else to standard error. */
export class Output {
  readonly isJson: boolean;
  readonly width: number;
  readonly #io: CliIo;
  readonly #hasColour: boolean;

  constructor(io: CliIo, format: 'text' | 'json') {
    this.#io = io;
    this.isJson = format === 'json';
    const columns = io.stdout.columns ?? Number(io.env['COLUMNS'] || WIDTH_DEFAULT);
    this.width = Math.max(WIDTH_MIN, Number.isInteger(columns) ? columns : WIDTH_DEFAULT);
    this.#hasColour = io.stdout.isTTY === true && !io.env['NO_COLOR'] && io.env['TERM'] !== 'dumb';
  }

  paint(text: string, tone: Tone): string {
    return this.#hasColour && tone !== 'plain' ? `${TONES[tone]}${text}\u001b[0m` : text;
  }

  /** One result: its JSON document, or the lines for people. */
  async result(value: unknown, lines: () => readonly string[]): Promise<void> {
    const text = this.isJson ? JSON.stringify(value, undefined, 2) : lines().join('\n');
    await this.bytes(text === '' ? '' : `${text}\n`);
  }

  /** One element of a stream: a line of JSON, or a line for people. */
  async element(value: unknown, line: () => string): Promise<void> {
    await this.bytes(`${this.isJson ? JSON.stringify(value) : line()}\n`);
  }

  /**
   * @throws {OutputClosed} when nobody reads any more.
   * @throws {OutputFailed} when it cannot be written.
   */
  async bytes(data: string | Uint8Array, source: 'stdout' | 'stderr' = 'stdout'): Promise<void> {
    if (data.length === 0) return;
    await writeTo(this.#io[source], data);
  }

  /** A line for people, beside the result. */
  async note(text: string): Promise<void> {
    await writeTo(this.#io.stderr, `${text}\n`);
  }
}

function writeTo(stream: TerminalOutput, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    if (stream.destroyed || stream.writableEnded) {
      reject(new OutputClosed('nobody reads the output any more'));
      return;
    }
    stream.write(data, (cause) => {
      if (cause === null || cause === undefined) resolve();
      else reject(toFailure(cause));
    });
  });
}

function toFailure(cause: Error): Error {
  const code = 'code' in cause ? String(cause.code) : '';
  if (code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED') {
    return new OutputClosed('nobody reads the output any more', { cause });
  }
  return new OutputFailed(`the output cannot be written: ${cause.message}`, { cause });
}
