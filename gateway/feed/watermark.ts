interface Waiter {
  readonly sequence: number;
  readonly resolve: () => void;
}

/** A sequence that only grows, and those who wait until it has grown far enough. */
export class Watermark {
  readonly #waiters = new Set<Waiter>();
  #sequence = 0;

  get sequence(): number {
    return this.#sequence;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  advance(sequence: number): void {
    if (sequence <= this.#sequence) return;
    this.#sequence = sequence;
    for (const waiter of this.#waiters) if (waiter.sequence <= sequence) waiter.resolve();
  }

  /** @throws the signal's reason, when it fires first. */
  async reached(sequence: number, signal: AbortSignal): Promise<void> {
    if (sequence <= this.#sequence) return;
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { sequence, resolve };
    const onAbort = (): void => reject(signal.reason);
    this.#waiters.add(waiter);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#waiters.delete(waiter);
    }
  }
}
