import type { Clock, PullProgress } from '@orrery/bus';

const FIRST_STEP_MS = 1_000;
const STEP_MS_MAX = 30_000;
const STEP_GROWTH = 1.5;

/**
 * Tells of a pull: at once that it goes on, and then how far it is, ever less often, so that a long one has a
 * few dozen events and not thousands. Disposing ends it.
 */
export class PullNews implements Disposable {
  readonly #clock: Clock;
  readonly #tell: (progress: PullProgress) => void;
  readonly #over = new AbortController();
  #latest: PullProgress | undefined;

  constructor(clock: Clock, tell: (progress: PullProgress) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  take(progress: PullProgress): void {
    const isFirst = this.#latest === undefined;
    this.#latest = progress;
    if (!isFirst) return;
    this.#tell(progress);
    void this.#tellOn(progress);
  }

  [Symbol.dispose](): void {
    this.#over.abort(OVER);
  }

  async #tellOn(first: PullProgress): Promise<void> {
    const { signal } = this.#over;
    let told = first;
    for (let stepMs = FIRST_STEP_MS; ; stepMs = Math.min(stepMs * STEP_GROWTH, STEP_MS_MAX)) {
      await this.#clock.sleep(stepMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      const latest = this.#latest ?? told;
      if (JSON.stringify(latest) === JSON.stringify(told)) continue;
      told = latest;
      this.#tell(latest);
    }
  }
}

/** Given as a reason so that none is made, with a stack, for every pull. */
const OVER = new Error('the pull is over');
