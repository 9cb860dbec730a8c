import type { Expectation } from './forecast.ts';
import type { RunningView } from './model.ts';

/** Ended sessions that are remembered; the oldest are forgotten. */
const ENDED_MAX = 512;
/** Below so many that ran longer nothing can be said from them. */
const ALIKE_MIN = 5;

interface Ended {
  readonly ranMs: number;
  /** How long it might have run at most, if that was known. */
  readonly atMostMs?: number;
}

/** How long sessions really run, to guess how long those that run now will. */
export class RunHistory {
  readonly #ended: Ended[] = [];

  note(ended: Ended): void {
    this.#ended.push(ended);
    if (this.#ended.length > ENDED_MAX) this.#ended.shift();
  }

  /** From now on: as those went on that had run as long, as a share of their most if that is known. */
  expect({ startedAtMs, endsAtMs }: RunningView, nowMs: number): Expectation {
    const ranMs = Math.max(0, nowMs - startedAtMs);
    if (endsAtMs === undefined) {
      const longer = this.#ended.map((one) => one.ranMs).filter((each) => each > ranMs);
      if (longer.length < ALIKE_MIN) {
        return { soonMs: ranMs / 4, likelyMs: Math.max(ranMs, 1), lateMs: Infinity };
      }
      return quantiles(longer, (each) => each - ranMs);
    }
    const atMostMs = endsAtMs - startedAtMs;
    const leftMs = Math.max(0, endsAtMs - nowMs);
    const shares = this.#ended
      .flatMap((one) => (one.atMostMs === undefined ? [] : [one.ranMs / one.atMostMs]))
      .filter((share) => share * atMostMs > ranMs);
    if (shares.length < ALIKE_MIN) return { soonMs: 0, likelyMs: leftMs, lateMs: leftMs };
    const expected = quantiles(shares, (share) => Math.min(leftMs, share * atMostMs - ranMs));
    return { ...expected, lateMs: leftMs };
  }
}

function quantiles(values: readonly number[], leftOf: (value: number) => number): Expectation {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (share: number): number =>
    leftOf(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return { soonMs: at(0.1), likelyMs: at(0.5), lateMs: at(0.9) };
}
