import type { Clock } from '@orrery/bus';

/** What a timer can be set to. */
const SLEEP_MS_MAX = 2_000_000_000;

/** Until when the programs of kernels may run. */
export class KernelTimeouts implements Disposable {
  readonly #clock: Clock;
  readonly #onTimeout: (kernel: string) => void;
  readonly #running = new Map<string, AbortController>();

  constructor(options: {
    readonly clock: Clock;
    readonly onTimeout: (kernel: string) => void;
  }) {
    this.#clock = options.clock;
    this.#onTimeout = options.onTimeout;
  }

  /** Set once a kernel: a second time changes nothing. */
  set(kernel: string, atMs: number): void {
    if (this.#running.has(kernel)) return;
    const timeout = new AbortController();
    this.#running.set(kernel, timeout);
    this.#sleepUntil(atMs, timeout.signal).then(
      () => this.#onTimeout(kernel),
      // The kernel ended before.
      () => undefined,
    );
  }

  clear(kernel: string): void {
    this.#running.get(kernel)?.abort();
    this.#running.delete(kernel);
  }

  [Symbol.dispose](): void {
    for (const timeout of this.#running.values()) timeout.abort();
  }

  async #sleepUntil(atMs: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const leftMs = atMs - this.#clock.nowMs();
      if (leftMs <= 0) return;
      await this.#clock.sleep(Math.min(leftMs, SLEEP_MS_MAX), signal);
    }
  }
}
