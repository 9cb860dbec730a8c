import type { RunningView } from './model.ts';

/** Ended sessions that are remembered; the oldest are forgotten. */
export const ENDED_MAX = 512;
/** Below so many that ran longer nothing can be said from them. */
const ALIKE_MIN = 8;
/** Of those with a limit so many are taken at most, the most alike, */
const ALIKE_MAX = 40;
/** and only those that are unlike by less than this, if they are enough: the same work of the same user. */
const THE_SAME = 0.02;
/** Another user or type makes two as unlike as a limit that is 1.3 or 2.7 times as long. */
const OTHER_USER = 0.25;
const OTHER_TYPE = 1;
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
   * else all. Who has a limit goes by the share of it that those used who are most alike in limit, user and type.
   */
  leftOf(): LeftOf {
    const ended = this.ended();
    const known = new Kinds(ended);
    const limited = new Limited(ended);
    return (running, nowMs, chance) => {
      if (running.isEnding) return ENDING_MS * chance;
      const { startedAtMs, endsAtMs } = running;
      const ranMs = Math.max(0, nowMs - startedAtMs);
      if (endsAtMs === undefined) {
        const longer = drawn(known.ranOver(running, ranMs), chance);
        if (longer !== undefined) return longer - ranMs;
        return (ranMs + UNKNOWN_RUN_MS) * (1 / (1 - Math.min(chance, CHANCE_MAX)) - 1);
      }
      const leftMs = Math.max(0, endsAtMs - nowMs);
      const atMostMs = Math.max(1, endsAtMs - startedAtMs);
      const share = drawn(limited.sharesOver(running, atMostMs, ranMs / atMostMs), chance);
      if (share === undefined) return (leftMs * (1 + chance)) / 2;
      return Math.min(leftMs, Math.round(share * atMostMs - ranMs));
    };
  }
}

type Who = Pick<RunningView, 'owner' | 'sessionType'>;

/** One of them, by chance; undefined when they are too few to say anything. */
function drawn(sorted: readonly number[], chance: number): number | undefined {
  if (sorted.length < ALIKE_MIN) return undefined;
  return sorted[Math.min(sorted.length - 1, Math.floor(chance * sorted.length))];
}

/** How long they ran, by whom and what they were. */
class Kinds {
  readonly #sorted = new Map<string, readonly number[]>();

  constructor(ended: readonly Ended[]) {
    const values = new Map<string, number[]>();
    for (const { ranMs, user, sessionType } of ended)
      for (const kind of kindsOf(user, sessionType)) {
        const some = values.get(kind) ?? [];
        some.push(ranMs);
        values.set(kind, some);
      }
    for (const [kind, some] of values)
      this.#sorted.set(
        kind,
        some.sort((left, right) => left - right),
      );
  }

  /** Sorted, and enough if there are enough of any kind. */
  ranOver({ owner, sessionType }: Who, leastMs: number): readonly number[] {
    for (const kind of kindsOf(owner.userId, sessionType)) {
      const sorted = this.#sorted.get(kind) ?? [];
      const longer = sorted.slice(firstOver(sorted, leastMs));
      if (longer.length >= ALIKE_MIN) return longer;
    }
    return [];
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

interface Used {
  readonly share: number;
  readonly limitLog: number;
  readonly user: string;
  readonly sessionType: string;
}

/**
 * What share of their limit they used. Who asks for an hour ends otherwise than who asks for a day, even when all use
 * the same share on the whole: short limits come from short runs.
 */
class Limited {
  readonly #used: readonly Used[];
  /** The same is asked in each run of a forecast. */
  readonly #answers = new Map<string, readonly number[]>();

  constructor(ended: readonly Ended[]) {
    this.#used = ended.flatMap(({ ranMs, atMostMs, user, sessionType }) => {
      if (atMostMs === undefined || atMostMs <= 0) return [];
      return { share: ranMs / atMostMs, limitLog: Math.log(atMostMs), user, sessionType };
    });
  }

  /** Shares over `least` of those most alike, sorted. */
  sharesOver({ owner, sessionType }: Who, atMostMs: number, least: number): readonly number[] {
    const key = `${owner.userId} ${sessionType} ${atMostMs} ${least}`;
    const answer = this.#answers.get(key);
    if (answer !== undefined) return answer;
    const limitLog = Math.log(atMostMs);
    const nearest = this.#used
      .filter(({ share }) => share > least)
      .map((used) => ({
        share: used.share,
        unlike:
          Math.abs(used.limitLog - limitLog) +
          (used.user === owner.userId ? 0 : OTHER_USER) +
          (used.sessionType === sessionType ? 0 : OTHER_TYPE),
      }))
      .sort((left, right) => left.unlike - right.unlike)
      .slice(0, ALIKE_MAX);
    const same = nearest.filter(({ unlike }) => unlike < THE_SAME);
    const shares = (same.length < ALIKE_MIN ? nearest : same)
      .map(({ share }) => share)
      .sort((left, right) => left - right);
    this.#answers.set(key, shares);
    return shares;
  }
}
