import type { ForecastScore, StartForecast } from '@orrery/bus';
import { type Prediction, scoreOf } from './planning/forecast-score.ts';
import { type Habit, RunHistory } from './planning/run-history.ts';
import type { Wish } from './wish.ts';

/** Sessions of a group that came last, from which those that will come are guessed. */
const ARRIVALS_MAX = 400;
/** Predictions of a group that came out last: its score. */
const CAME_OUT_MAX = 250;
/** Sessions that wait and whose start was foretold; beyond that the first of them are forgotten. */
const OPEN_MAX = 1000;

/** Later than anything, and kept as it is in JSON. */
const UNBOUNDED_MS = Number.MAX_SAFE_INTEGER;

type Foretold = Omit<Prediction, 'startedAtMs'>;

/** Of a session that waits. Replaced, never changed. */
export interface Open {
  readonly lastAskedAtMs: number;
  /** The first start that was foretold: it is the hardest to tell, so that is the one that counts. */
  readonly foretold?: Foretold | undefined;
}

export interface Arrived {
  readonly atMs: number;
  readonly wish: Wish;
}

/** As it is at a moment; what happens later does not show in it. */
export interface Experienced {
  readonly habits: readonly Habit[];
  readonly open: readonly (readonly [session: string, open: Open])[];
  readonly arrived: readonly (readonly [group: string, arrived: readonly Arrived[]])[];
  readonly cameOut: readonly (readonly [group: string, cameOut: readonly Prediction[]])[];
}

/** What forecasts are made from and how they came out, in bounded memory: a part of the scheduler's fold. */
export class Experience {
  readonly runs = new RunHistory();
  readonly #arrived = new Newest<Arrived>(ARRIVALS_MAX);
  readonly #cameOut = new Newest<Prediction>(CAME_OUT_MAX);
  readonly #open = new Map<string, Open>();

  arrived(group: string, arrival: Arrived): void {
    this.#arrived.add(group, arrival);
  }

  /** In order of time. */
  arrivalsOf(group: string): readonly Arrived[] {
    return this.#arrived.of(group);
  }

  foretold(session: string, { atMs, startsAtMs, earliestMs, latestMs }: StartForecast): void {
    const told =
      startsAtMs === undefined
        ? undefined
        : {
            askedAtMs: atMs,
            predictedMs: startsAtMs,
            earliestMs: earliestMs ?? startsAtMs,
            latestMs: latestMs ?? UNBOUNDED_MS,
          };
    const foretold = this.#open.get(session)?.foretold ?? told;
    this.reopen(session, { lastAskedAtMs: atMs, foretold });
  }

  reopen(session: string, open: Open): void {
    this.#open.set(session, open);
    if (this.#open.size <= OPEN_MAX) return;
    for (const first of this.#open.keys()) {
      this.#open.delete(first);
      return;
    }
  }

  lastAskedAtMs(session: string): number | undefined {
    return this.#open.get(session)?.lastAskedAtMs;
  }

  /** It has started. */
  started(session: string, group: string, startedAtMs: number): void {
    const foretold = this.#open.get(session)?.foretold;
    this.#open.delete(session);
    if (foretold !== undefined) this.cameOut(group, { ...foretold, startedAtMs });
  }

  cameOut(group: string, prediction: Prediction): void {
    this.#cameOut.add(group, prediction);
  }

  /** It left the queue without a start. */
  left(session: string): void {
    this.#open.delete(session);
  }

  /** Undefined when none has come out yet. */
  scoreOf(group: string): ForecastScore | undefined {
    const cameOut = this.#cameOut.of(group);
    return cameOut.length === 0 ? undefined : scoreOf(cameOut);
  }

  /** Of each group where a forecast has come out. */
  scores(): readonly { readonly group: string; readonly score: ForecastScore }[] {
    return this.#cameOut.all().map(([group, cameOut]) => ({ group, score: scoreOf(cameOut) }));
  }

  now(): Experienced {
    return {
      habits: this.runs.habits(),
      open: [...this.#open],
      arrived: this.#arrived.all(),
      cameOut: this.#cameOut.all(),
    };
  }
}

/** The last few of each key. */
class Newest<Value> {
  readonly #max: number;
  readonly #values = new Map<string, Value[]>();

  constructor(max: number) {
    this.#max = max;
  }

  add(key: string, value: Value): void {
    const values = this.#values.get(key) ?? [];
    values.push(value);
    // Cut when there are twice as many, so that few are moved for each.
    this.#values.set(key, values.length < 2 * this.#max ? values : values.slice(-this.#max));
  }

  of(key: string): readonly Value[] {
    return this.#values.get(key)?.slice(-this.#max) ?? [];
  }

  all(): readonly (readonly [string, readonly Value[]])[] {
    return [...this.#values.keys()].map((key) => [key, this.of(key)] as const);
  }
}
