import type { Clock } from './clock.ts';

interface Waiting {
  readonly dueMs: number;
  readonly onOverdue: () => void;
}

/** Tells those who waited for longer than all of them may: one timer for all, none while nobody waits. */
export class Overdue<Key> {
  readonly #clock: Clock;
  readonly #waitMsMax: number;
  readonly #closed: AbortSignal;
  /** In the order of their times, as all may wait equally long. */
  readonly #waiting = new Map<Key, Waiting>();
  #watching: Promise<void> | undefined;

  constructor(options: {
    readonly clock: Clock;
    readonly waitMsMax: number;
    readonly closed: AbortSignal;
  }) {
    this.#clock = options.clock;
    this.#waitMsMax = options.waitMsMax;
    this.#closed = options.closed;
  }

  enter(key: Key, onOverdue: () => void): void {
    this.#waiting.set(key, { dueMs: this.#clock.nowMs() + this.#waitMsMax, onOverdue });
    this.#watching ??= this.#watch();
  }

  leave(key: Key): void {
    this.#waiting.delete(key);
  }

  /** Nobody need wait any longer. */
  endAll(): void {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { onOverdue } of all) onOverdue();
  }

  async #watch(): Promise<void> {
    for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
      const [key, { dueMs, onOverdue }] = first;
      const leftMs = dueMs - this.#clock.nowMs();
      if (leftMs > 0) {
        await this.#clock.sleep(leftMs, this.#closed).catch(() => undefined);
        if (this.#closed.aborted) break;
        continue;
      }
      this.#waiting.delete(key);
      onOverdue();
    }
    this.#watching = undefined;
  }
}
