import type { Clock } from '../clock.ts';

interface Sleeper {
  readonly atMs: number;
  readonly order: number;
  readonly wake: () => void;
}

/** Virtual time: it stands still until it is advanced, and then passes every sleeper in order. */
export class SimulatedClock implements Clock {
  #nowMs: number;
  #orders = 0;
  /** Sorted by time, then by who slept first; the next one is last. */
  readonly #sleepers: Sleeper[] = [];

  constructor(startMs = 0) {
    this.#nowMs = startMs;
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
      this.#sleepers.pop();
      this.#nowMs = next.atMs;
      next.wake();
      await this.settle();
    }
    this.#nowMs = untilMs;
  }

  /** Resolves when everything that can happen without time passing has happened. */
  settle(): Promise<void> {
    // An immediate runs only after all promise reactions, however many they set off.
    return new Promise((resolve) => {
      setImmediate(resolve);
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
