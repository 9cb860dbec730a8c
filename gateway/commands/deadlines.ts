import type { Clock } from '@orrery/bus';

/** Who listens to a signal is looked for among all that listen: more of them share none. */
export const SHARING_MAX = 32;

/**
 * Signals that fire when a time is over, or when `closing` does. All that begin within one period share
 * one timer, and few one signal: a timer and three signals of its own would cost a request more than its work.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #closing: AbortSignal;
  readonly #afterMs: number;
  readonly #periodMs: number;
  readonly #reason: () => unknown;
  #period = Number.NaN;
  /** Of the period. */
  #controllers: AbortController[] = [];
  #sharing = 0;

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
    if (period !== this.#period) this.#beginPeriod(period);
    const last = this.#controllers.at(-1);
    this.#sharing += 1;
    if (last !== undefined && this.#sharing <= SHARING_MAX) return last.signal;
    const next = new AbortController();
    this.#controllers.push(next);
    this.#sharing = 1;
    return next.signal;
  }

  #beginPeriod(period: number): void {
    const controllers: AbortController[] = [];
    const abort = (reason: unknown): void => {
      for (const controller of controllers) controller.abort(reason);
    };
    this.#clock
      .sleep(this.#afterMs + this.#periodMs, this.#closing)
      .then(() => abort(this.#reason()), abort);
    this.#period = period;
    this.#controllers = controllers;
    this.#sharing = 0;
  }
}
