import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Outcome } from './cluster.ts';
import type { DefectName } from './defects.ts';
import { FAULTS, type Fault, type FaultCounts, noFaults } from './trouble.ts';

/** Real time; a seed takes some hundredths of a second. */
const SEED_MS_MAX = 120_000;
const YOUNG_MIB_MAX = 64;

export interface Findings {
  readonly seeds: number;
  readonly commits: number;
  /** Of the seed that took most. */
  readonly wakesMax: number;
  readonly callsMax: number;
  readonly faults: FaultCounts;
  /** What did not hold, by seed, lowest seed first. */
  readonly violations: readonly { readonly seed: number; readonly violation: string }[];
}

/**
 * Simulates the seeds on all cores and sums up what was found; begins no more seeds once there are
 * `violationsMax` violations. A seed that keeps its thread busy for ever is a violation too.
 */
export async function runSeeds(
  seeds: Iterable<number>,
  options: { readonly violationsMax: number; readonly defect?: DefectName },
): Promise<Findings> {
  const outcomes: Outcome[] = [];
  const waiting = seeds[Symbol.iterator]();
  let violations = 0;
  const next = (): number | undefined => {
    const { value, done } = waiting.next();
    return done === true || violations >= options.violationsMax ? undefined : value;
  };
  const runLane = async (): Promise<void> => {
    let worker: Worker | undefined;
    for (let seed = next(); seed !== undefined; seed = next()) {
      worker ??= startWorker(options.defect);
      const outcome = await ask(worker, seed);
      if (outcome === undefined) {
        await worker.terminate();
        worker = undefined;
      }
      outcomes.push(outcome ?? endless(seed));
      if (outcomes.at(-1)?.violation !== undefined) violations += 1;
    }
    await worker?.terminate();
  };
  await Promise.all(Array.from({ length: availableParallelism() }, runLane));
  return sumOf(outcomes);
}

function startWorker(defect: DefectName | undefined): Worker {
  return new Worker(new URL('./seed-worker.ts', import.meta.url), {
    workerData: { defect },
    // Almost all that a seed makes is garbage when it ends.
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB_MAX },
  });
}

/** Undefined when no answer comes. */
async function ask(worker: Worker, seed: number): Promise<Outcome | undefined> {
  const patience = AbortSignal.timeout(SEED_MS_MAX);
  const answer = once(worker, 'message', { signal: patience });
  worker.postMessage(seed);
  try {
    // It says nothing but outcomes.
    const [outcome] = (await answer) as [Outcome];
    return outcome;
  } catch (error) {
    if (patience.aborted) return undefined;
    throw error;
  }
}

function endless(seed: number): Outcome {
  const violation = `no end within ${SEED_MS_MAX / 1000} s`;
  return { seed, violation, faults: noFaults(), traceHash: '', commits: 0, wakes: 0, calls: 0 };
}

function sumOf(outcomes: readonly Outcome[]): Findings {
  const faults = noFaults();
  for (const outcome of outcomes)
    for (const fault of FAULTS as readonly Fault[]) faults[fault] += outcome.faults[fault];
  return {
    seeds: outcomes.length,
    commits: outcomes.reduce((sum, { commits }) => sum + commits, 0),
    wakesMax: Math.max(...outcomes.map(({ wakes }) => wakes)),
    callsMax: Math.max(...outcomes.map(({ calls }) => calls)),
    faults,
    violations: outcomes
      .flatMap(({ seed, violation }) => (violation === undefined ? [] : [{ seed, violation }]))
      .sort((left, right) => left.seed - right.seed),
  };
}

export function* seedsFrom(first: number, count: number): Generator<number> {
  for (let seed = first; seed < first + count; seed++) yield seed;
}
