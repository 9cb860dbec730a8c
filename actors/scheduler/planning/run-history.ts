import type { RunningView } from './model.ts';
import { type Lengths, lengthsOf } from './run-lengths.ts';

/** Runs of one kind that are remembered, the newest, */
export const RUNS_OF_KIND_MAX = 128;
/** and of all kinds: those that did not show for longest are forgotten. */
export const RUNS_MAX = 4096;
/** Of a session of which nothing is known: half of those that just began are taken to run longer than this. */
const UNKNOWN_RUN_MS = 600_000;
/** A session without a known end is taken to go on at most 20 times as long as it has. */
const CHANCE_MAX = 0.95;
/** What was told to end is gone within this. */
const ENDING_MS = 30_000;

/** Who runs what, and where: those that have all of this in common are taken to run alike. */
export interface Kind {
  readonly user: string;
  readonly sessionType: RunningView['sessionType'];
  /** Absent: not known. */
  readonly image?: string | undefined;
  readonly group?: string | undefined;
}

/** One that came to an end of its own. */
export interface Run {
  readonly ranMs: number;
  /** How long it might have run at most, if that was known. */
  readonly atMostMs?: number | undefined;
}

export type Ended = Kind & Run;

/** How sessions of one kind ran, the newest last. */
export interface Habit extends Kind {
  readonly runs: readonly Run[];
}

/** How much longer it goes on from then; `chance` 0 is the soonest end, 1 the latest. */
export type LeftOf = (running: RunningView, nowMs: number, chance: number) => number;

/** How long sessions really run, to guess how long those that run now will. Bounded. */
export class RunHistory {
  /** By kind; those that showed last come last. Replaced, never changed. */
  readonly #habits = new Map<string, Habit>();
  #runs = 0;

  note({ ranMs, atMostMs, ...kind }: Ended): void {
    const runs = this.#habits.get(keyOf(kind))?.runs ?? [];
    const run = atMostMs === undefined ? { ranMs } : { ranMs, atMostMs };
    this.learn({ ...kind, runs: [...runs.slice(1 - RUNS_OF_KIND_MAX), run] });
  }

  /** All that is remembered of a kind. */
  learn(habit: Habit): void {
    const key = keyOf(habit);
    this.#forget(key);
    this.#habits.set(key, habit);
    this.#runs += habit.runs.length;
    for (const oldest of this.#habits.keys()) {
      if (this.#runs <= RUNS_MAX) return;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    this.#runs -= this.#habits.get(key)?.runs.length ?? 0;
    this.#habits.delete(key);
  }

  /** Those that showed last come last. */
  habits(): readonly Habit[] {
    return [...this.#habits.values()];
  }

  /**
   * As those went on that had run as long: of the same user and image, or of one of them, or of the same group or
   * type, whichever ran most alike until now. Where there is a limit, either how long they ran or what share of their
   * limits they used, whichever varied less.
   */
  leftOf(): LeftOf {
    const lengths = lengthsOf(this.habits());
    return (running, nowMs, chance) => {
      if (running.isEnding) return ENDING_MS * chance;
      const { startedAtMs, endsAtMs } = running;
      const ranMs = Math.max(0, nowMs - startedAtMs);
      const atMostMs = endsAtMs === undefined ? undefined : Math.max(1, endsAtMs - startedAtMs);
      const lengthMs = drawn(lengths, { running, atMostMs, ranMs, chance });
      if (endsAtMs === undefined) {
        if (lengthMs !== undefined) return lengthMs - ranMs;
        return (ranMs + UNKNOWN_RUN_MS) * (1 / (1 - Math.min(chance, CHANCE_MAX)) - 1);
      }
      const leftMs = Math.max(0, endsAtMs - nowMs);
      if (lengthMs === undefined) return (leftMs * (1 + chance)) / 2;
      return Math.min(leftMs, Math.round(lengthMs - ranMs));
    };
  }
}

function keyOf({ user, sessionType, image, group }: Kind): string {
  return JSON.stringify([user, sessionType, image, group]);
}

interface Draw {
  readonly running: RunningView;
  readonly atMostMs: number | undefined;
  readonly ranMs: number;
  readonly chance: number;
}

/** One of those that ran longer, by chance; undefined when too little is known. */
function drawn(lengths: Lengths, { running, atMostMs, ranMs, chance }: Draw): number | undefined {
  const { owner, sessionType, image, group } = running;
  const kind = { user: owner.userId, sessionType, image, group };
  const longer = lengths.over(kind, { atMostMs, ranMs });
  return longer[Math.min(longer.length - 1, Math.floor(chance * longer.length))];
}
