import type { Clock } from '@orrery/bus';

/**
 * Signals that fire when a time is over, or when `closing` does. All that begin within one period share
 * one signal and one timer: a timer and three signals of its own would cost a request more than its work.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #closing: AbortSignal;
  readonly #afterMs: number;
  readonly #periodMs: number;
  readonly #reason: () => unknown;
  #period = Number.NaN;
  #signal: AbortSignal | undefined;

  constructor(options: {
    readonly clock: Clock;
    readonly closing: AbortSignal;
    /** At least this long after it was asked for, at most `periodMs` longer. */
    readonly afterMs: number;
    readonly periodMs: number;
    readonly reason: () => unknown;
  }) {
    this.#clock = options.clock;
    this.#closing = options.closing;
    this.#afterMs = options.afterMs;
    this.#periodMs = options.periodMs;
    this.#reason = options.reason;
  }

  /** For what begins now. */
  begin(): AbortSignal {
    if (this.#closing.aborted) return this.#closing;
    const period = Math.floor(this.#clock.nowMs() / this.#periodMs);
    if (this.#signal !== undefined && period === this.#period) return this.#signal;
    const late = new AbortController();
    this.#clock.sleep(this.#afterMs + this.#periodMs, this.#closing).then(
      () => late.abort(this.#reason()),
      (reason) => late.abort(reason),
    );
    this.#period = period;
    this.#signal = late.signal;
    return late.signal;
  }
}
