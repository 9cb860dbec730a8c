import type { RunningView } from './model.ts';

/** Ended sessions that are remembered; the oldest are forgotten. */
export const ENDED_MAX = 512;
/** Below so many that ran longer nothing can be said from them. */
const ALIKE_MIN = 8;
/** Of a session of which nothing is known: half of those that just began are taken to run longer than this. */
const UNKNOWN_RUN_MS = 600_000;
/** A session without a known end is taken to go on at most 20 times as long as it has. */
const CHANCE_MAX = 0.95;
/** What was told to end is gone within this. */
const ENDING_MS = 30_000;

export interface Ended {
  readonly ranMs: number;
  /** How long it might have run at most, if that was known. */
  readonly atMostMs?: number | undefined;
  readonly user: string;
  readonly sessionType: RunningView['sessionType'];
}

/** How much longer it goes on from then; `chance` 0 is the soonest end, 1 the latest. */
export type LeftOf = (running: RunningView, nowMs: number, chance: number) => number;

/** How long sessions really run, to guess how long those that run now will. */
export class RunHistory {
  #ended: Ended[];

  constructor(ended: readonly Ended[] = []) {
    this.#ended = [...ended];
  }

  note(ended: Ended): void {
    this.#ended.push(ended);
    // Twice as many before it is cut: so that few are moved each time.
    if (this.#ended.length >= 2 * ENDED_MAX) this.#ended = this.#ended.slice(-ENDED_MAX);
  }

  /** Oldest first. */
  ended(): readonly Ended[] {
    return this.#ended.slice(-ENDED_MAX);
  }

  /**
   * As those went on that had run as long: of the same user and type if enough are known, else of the same type,
   * else all. Who has a limit is compared by the share of it that was used.
   */
  leftOf(): LeftOf {
    const known = new Kinds(this.ended());
    return (running, nowMs, chance) => {
      if (running.isEnding) return ENDING_MS * chance;
      const { startedAtMs, endsAtMs } = running;
      const ranMs = Math.max(0, nowMs - startedAtMs);
      if (endsAtMs === undefined) {
        const longer = known.drawOver('ran', running, { least: ranMs, chance });
        if (longer !== undefined) return longer - ranMs;
        return (ranMs + UNKNOWN_RUN_MS) * (1 / (1 - Math.min(chance, CHANCE_MAX)) - 1);
      }
      const leftMs = Math.max(0, endsAtMs - nowMs);
      const atMostMs = Math.max(1, endsAtMs - startedAtMs);
      const share = known.drawOver('share', running, { least: ranMs / atMostMs, chance });
      if (share === undefined) return (leftMs * (1 + chance)) / 2;
      return Math.min(leftMs, Math.round(share * atMostMs - ranMs));
    };
  }
}

type Measure = 'ran' | 'share';

/** Ended sessions by whom and what they were, each measure sorted. */
class Kinds {
  readonly #sorted = new Map<string, readonly number[]>();

  constructor(ended: readonly Ended[]) {
    const values = new Map<string, number[]>();
    const add = (key: string, value: number): void => {
      const some = values.get(key) ?? [];
      some.push(value);
      values.set(key, some);
    };
    for (const { ranMs, atMostMs, user, sessionType } of ended) {
      for (const kind of kindsOf(user, sessionType)) {
        add(`ran ${kind}`, ranMs);
        if (atMostMs !== undefined) add(`share ${kind}`, ranMs / atMostMs);
      }
    }
    for (const [key, some] of values)
      this.#sorted.set(
        key,
        some.sort((left, right) => left - right),
      );
  }

  /** One of the values over `least`, by chance; undefined when too few are known. */
  drawOver(
    measure: Measure,
    { owner, sessionType }: Pick<RunningView, 'owner' | 'sessionType'>,
    { least, chance }: { readonly least: number; readonly chance: number },
  ): number | undefined {
    for (const kind of kindsOf(owner.userId, sessionType)) {
      const sorted = this.#sorted.get(`${measure} ${kind}`) ?? [];
      const first = firstOver(sorted, least);
      const count = sorted.length - first;
      if (count >= ALIKE_MIN)
        return sorted[first + Math.min(count - 1, Math.floor(chance * count))];
    }
    return undefined;
  }
}

/** From the closest to the widest. */
function kindsOf(user: string, sessionType: string): readonly string[] {
  return [`${sessionType} ${user}`, sessionType, ''];
}

function firstOver(sorted: readonly number[], least: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) > least) high = middle;
    else low = middle + 1;
  }
  return low;
}
