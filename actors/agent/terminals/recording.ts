import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { Clock } from '@orrery/bus';
import type { TerminalSize } from '../container-driver.ts';

/** A recording that has become so large ends there, and says so. */
export const RECORDING_BYTES_MAX = 64 * 1024 * 1024;

/** What a terminal shows, as asciicast version 2. What is typed is in it as far as it is shown. */
export class Recording implements Disposable {
  readonly #file: number;
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #decoder = new StringDecoder('utf8');
  #bytes = 0;
  #isOver = false;

  /** @throws when the file cannot be made. */
  constructor(options: {
    readonly path: string;
    readonly size: TerminalSize;
    readonly startMs: number;
    readonly clock: Clock;
  }) {
    const { path, size, startMs, clock } = options;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.#file = openSync(path, 'ax', 0o600);
    this.#clock = clock;
    this.#startMs = startMs;
    this.#write({
      version: 2,
      width: size.columns,
      height: size.rows,
      timestamp: Math.floor(startMs / 1000),
      env: { TERM: 'xterm-256color' },
    });
  }

  output(bytes: Buffer): void {
    const text = this.#decoder.write(bytes);
    if (text !== '') this.#event('o', text);
  }

  resized({ columns, rows }: TerminalSize): void {
    this.#event('r', `${columns}x${rows}`);
  }

  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    closeSync(this.#file);
  }

  #event(kind: 'o' | 'r' | 'm', data: string): void {
    if (this.#isOver) return;
    const seconds = (this.#clock.nowMs() - this.#startMs) / 1000;
    this.#write([seconds, kind, data]);
    if (this.#bytes < RECORDING_BYTES_MAX) return;
    this.#write([seconds, 'm', 'the recording is full']);
    this[Symbol.dispose]();
  }

  #write(value: object): void {
    this.#bytes += writeSync(this.#file, `${JSON.stringify(value)}\n`);
  }
}
