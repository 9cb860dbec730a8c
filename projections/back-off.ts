import type { Clock } from '@orrery/bus';

const DELAY_MS_MIN = 50;
const DELAY_MS_MAX = 5_000;

/** Waiting times that double from failure to failure, up to `DELAY_MS_MAX`. */
export class BackOff {
  readonly #clock: Clock;
  #delayMs = DELAY_MS_MIN;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  reset(): void {
    this.#delayMs = DELAY_MS_MIN;
  }

  /** Resolves after the next waiting time, or when the signal fires. */
  async wait(signal: AbortSignal): Promise<void> {
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(delayMs * 2, DELAY_MS_MAX);
    await this.#clock.sleep(delayMs, signal).catch(() => undefined);
  }
}
