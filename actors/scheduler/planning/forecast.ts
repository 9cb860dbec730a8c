import { chanceOf } from './chance.ts';
import { comingLike } from './coming.ts';
import { SHORT_MS } from './forecast-score.ts';
import { type Arrival, runForward } from './future.ts';
import type { Situation } from './model.ts';
import type { LeftOf } from './run-history.ts';
import { isKept, type Part, thinned } from './thinned.ts';
import { evenSteps, type Span, type TimeSteps, timeSteps } from './time-steps.ts';

/** When a session is expected to start. */
export interface Forecast {
  /** The moment for whose wait most runs come true within twice: with how much certainty, the range tells. */
  readonly startsAtMs: number;
  /** Nine of ten runs of what may come start it after this, */
  readonly earliestMs: number;
  /** and nine of ten before this; Infinity when it is not bounded by anything known. */
  readonly latestMs: number;
}

interface ForecastOptions {
  /** The queue of its group as a pass goes through it. */
  readonly order: readonly string[];
  readonly leftOf: LeftOf;
  /** Who came lately to the group, in order of time; without them the guesses are too early. */
  readonly recent?: readonly Arrival[];
  /** Nodes and sessions that are looked at, over all passes of all runs. */
  readonly workMax: number;
  /** Told how many were. */
  readonly onWork?: (looks: number) => void;
}

/** Runs in which what runs ends sooner or later, and others come, each by its chance. Prime numbers. */
const RUNS = 29;
const RUNS_OF_MANY = 17;
/** Nodes and sessions of which there are many. */
const MANY = 80;
/** Rounds of runs: another is made as long as there is work left for it. */
const ROUNDS_MAX = 4;

/**
 * Runs the decision forward over the expected ends of what runs and the expected arrivals, several times.
 * @returns undefined when most runs do not start it, within a week or within the work that is allowed.
 */
export function forecast(
  situation: Situation,
  session: string,
  { order, leftOf, recent = [], workMax, onWork }: ForecastOptions,
): Forecast | undefined {
  const part = thinned(situation, { session, order });
  const size = part.situation.nodes.length + part.situation.pending.length + SIZE_OF_A_PASS;
  const runs = size > MANY ? RUNS_OF_MANY : RUNS;
  const passesMax = Math.max(PASSES_MIN, Math.floor(workMax / runs / size));
  let work = 0;
  const onPasses = (passes: number): void => {
    work += passes * size;
    onWork?.(passes * size);
  };
  const come = recent.filter((_, index) => isKept(index, part.share));
  const { nowMs } = situation;
  const given = { runs, passesMax, leftOf, recent: come, session, onPasses };
  const steps = stepsFor(part, given);
  const starts: number[] = [];
  for (let round = 1; round <= ROUNDS_MAX; round += 1) {
    for (let run = 0; run < runs; run += 1)
      starts.push(startIn(part, { ...given, round, run, steps }));
    if (work * (round + 1) > workMax * round) break;
  }
  starts.sort((left, right) => (left === right ? 0 : left - right));
  if (starts[starts.length >> 1] === Infinity) return undefined;
  const at = (share: number): number => starts[Math.round(share * (starts.length - 1))] ?? Infinity;
  const waitMs = likeliest(starts.map((startMs) => startMs - nowMs));
  const startsAtMs = Math.max(nowMs + waitMs, starts[0] ?? nowMs);
  return {
    startsAtMs,
    earliestMs: Math.min(startsAtMs, at(0.1)),
    latestMs: Math.max(startsAtMs, at(0.9)),
  };
}

/** Of a long queue only the first are seen to start, one generation of sessions after the other. */
function stepsFor(part: Part, given: Omit<Run, 'round' | 'run' | 'steps'>): TimeSteps {
  const { nowMs, running } = part.situation;
  if (part.aheadOfAll > part.ahead.size) {
    const left = running.map((one) => given.leftOf(one, nowMs, 0.5));
    const meanMs = left.reduce((sum, each) => sum + each, 0) / Math.max(1, left.length);
    return evenSteps(nowMs, Math.max(SOON_MS, meanMs) / STEPS_OF_A_SESSION);
  }
  const atAnyTime = timeSteps(nowMs, anyTime(given.passesMax));
  const roughMs = startIn(part, { ...given, round: 0, run: 0, steps: atAnyTime });
  return timeSteps(nowMs, around(roughMs - nowMs, given.passesMax));
}

const STEPS_OF_A_SESSION = 6;

/** Steps from half a minute to a week, to find out how far off it is. */
function anyTime(stepsMax: number): Span {
  return { firstMs: SOON_MS, lastMs: WEEK_MS, stepsMax };
}

/** Steps that tell moments apart around a wait that was found roughly. */
function around(waitMs: number, stepsMax: number): Span {
  if (waitMs === Infinity) return anyTime(stepsMax);
  const likeMs = Math.max(SHORT_MS, waitMs);
  return { firstMs: likeMs / 20, lastMs: likeMs * 8, stepsMax };
}

const SOON_MS = 30_000;
const WEEK_MS = 7 * 24 * 3_600_000;

/** What a pass costs besides what it looks at. */
const SIZE_OF_A_PASS = 10;
const PASSES_MIN = 8;

interface Run extends Pick<ForecastOptions, 'leftOf'> {
  readonly session: string;
  readonly round: number;
  readonly run: number;
  readonly runs: number;
  readonly passesMax: number;
  readonly steps: TimeSteps;
  readonly recent: readonly Arrival[];
  readonly onPasses: (passes: number) => void;
}

function startIn(
  { situation, ahead, aheadOfAll }: Part,
  { session, round, run, runs, passesMax, steps, leftOf, recent, onPasses }: Run,
): number {
  const { nowMs } = situation;
  let startsAtMs = Infinity;
  let aheadStarted = 0;
  let lastMs = nowMs;
  const enough = aheadOfAll === ahead.size ? Infinity : ahead.size;
  const coming = comingLike(recent, { nowMs, seed: `${session}/${round}/${run}` });
  const { passes } = runForward({
    from: situation,
    arrivals: coming.map((one) => ({ ...one, atMs: steps.nearest(one.atMs) })),
    endOf: (running) => {
      const since = Math.max(running.startedAtMs, nowMs);
      const leftMs = leftOf(running, since, shareOf(`${running.session}/${round}`, { run, runs }));
      return steps.nearest(since + Math.max(1, leftMs));
    },
    passesMax,
    watch: {
      placed: (placed, atMs) => {
        if (ahead.has(placed.session)) {
          aheadStarted += 1;
          lastMs = atMs;
        }
        if (placed.session === session) startsAtMs = atMs;
        return placed.session === session || aheadStarted === enough ? false : undefined;
      },
    },
  });
  onPasses(passes);
  if (startsAtMs !== Infinity) return startsAtMs;
  if (aheadStarted === 0 || aheadOfAll === ahead.size) return Infinity;
  // Too many stand before it to see its own start: the others go on as quickly as the first did.
  return nowMs + ((lastMs - nowMs) * (aheadOfAll + 1)) / aheadStarted;
}

/** In the runs of a round each session has another part of the chances, 0 to 1, so that few runs stand for many. */
function shareOf(session: string, { run, runs }: Pick<Run, 'run' | 'runs'>): number {
  const step = 1 + Math.floor(chanceOf(session) * (runs - 1));
  const first = Math.floor(chanceOf(`${session}/first`) * runs);
  return (((run * step + first) % runs) + chanceOf(`${session}/${run}`)) / runs;
}

/** The wait for which most runs come true: no more than twice as early or as late. */
function likeliest(waitsMs: readonly number[]): number {
  const waits = waitsMs.map((waitMs) => Math.max(SHORT_MS, waitMs));
  let likeliestMs = Infinity;
  let most = 0;
  for (const wait of waits) {
    if (wait === Infinity) continue;
    for (const factor of GUESSES) {
      const waitMs = Math.max(SHORT_MS, wait * factor);
      let weight = 0;
      for (const other of waits) {
        const doublings = Math.abs(Math.log2(other / waitMs));
        // Of those within twice the closer ones count for more.
        weight += (doublings <= 1 ? 1 : 0) + 0.3 * Math.exp(-doublings * doublings);
      }
      if (weight <= most) continue;
      most = weight;
      likeliestMs = waitMs;
    }
  }
  return likeliestMs;
}

/** Guesses that are tried around each run. */
const GUESSES = [0.5, 0.6, 0.7, 0.85, 1, 1.2, 1.4, 1.7, 2];
