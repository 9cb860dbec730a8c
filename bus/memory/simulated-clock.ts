import type { Clock } from '../clock.ts';

interface Sleeper {
  readonly atMs: number;
  readonly order: number;
  readonly wake: () => void;
}

export interface SimulatedClockOptions {
  /** Told before a sleeper is woken; what it throws ends the advance. */
  readonly onWake?: () => void;
  /**
   * What is waited for between two moments: a turn of the event loop, so that real input and output have
   * their say (the default), or no more than the promise reactions, which is several times as fast.
   */
  readonly settling?: 'event-loop' | 'reactions';
}

/** Virtual time: it stands still until it is advanced, and then passes every sleeper in order. */
export class SimulatedClock implements Clock {
  #nowMs: number;
  #orders = 0;
  /** Sorted by time, then by who slept first; the next one is last. */
  readonly #sleepers: Sleeper[] = [];

  readonly #options: SimulatedClockOptions;

  constructor(startMs = 0, options: SimulatedClockOptions = {}) {
    this.#nowMs = startMs;
    this.#options = options;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const stop = (): void => {
        this.#remove(sleeper);
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        atMs: this.#nowMs + Math.max(0, delayMs),
        order: this.#orders++,
        wake: () => {
          signal?.removeEventListener('abort', stop);
          resolve();
        },
      };
      this.#sleepers.splice(this.#placeOf(sleeper), 0, sleeper);
      signal?.addEventListener('abort', stop, { once: true });
    });
  }

  /** When the next sleeper wakes; undefined when nobody sleeps. */
  get nextWakeMs(): number | undefined {
    return this.#sleepers.at(-1)?.atMs;
  }

  /** Lets time pass: wakes everyone whose time comes, in order, each with all that follows from it. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    await this.settle();
    for (;;) {
      const next = this.#sleepers.at(-1);
      if (next === undefined || next.atMs > untilMs) break;
      this.#options.onWake?.();
      this.#sleepers.pop();
      this.#nowMs = next.atMs;
      next.wake();
      await this.settle();
    }
    this.#nowMs = untilMs;
  }

  /** Resolves when everything that can happen without time passing has happened. */
  settle(): Promise<void> {
    // An immediate runs only after all promise reactions, however many they set off; so does a tick that
    // was asked for by one of them.
    const { settling = 'event-loop' } = this.#options;
    return new Promise((resolve) => {
      if (settling === 'reactions') process.nextTick(resolve);
      else setImmediate(resolve);
    });
  }

  #placeOf(sleeper: Sleeper): number {
    let low = 0;
    let high = this.#sleepers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#sleepers[middle];
      if (other !== undefined && isLater(other, sleeper)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #remove(sleeper: Sleeper): void {
    const index = this.#sleepers.indexOf(sleeper);
    if (index >= 0) this.#sleepers.splice(index, 1);
  }
}

function isLater(left: Sleeper, right: Sleeper): boolean {
  return left.atMs > right.atMs || (left.atMs === right.atMs && left.order > right.order);
}
