import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { repeat } from './clock.ts';
import { readRecord } from './data-directory.ts';
import { endProcess, parseIdentity } from './process-identity.ts';
import type { ProcessPlan } from './process-plan.ts';
import { type Places, SupervisedProcess } from './supervised-process.ts';

const LOG_CHECK_MS = 10_000;
const ORPHAN_WITHIN_MS = 15_000;

/**
 * Runs the processes of `plans`, which are in the order of starting: each when those it comes after
 * are ready, and they end one by one in the opposite order, so that nothing is lost on the way.
 */
export class Supervisor {
  readonly #processes: readonly SupervisedProcess[];
  readonly #stopLimiting: () => void;

  constructor(plans: readonly ProcessPlan[], places: Places) {
    this.#processes = plans.map((plan) => new SupervisedProcess(plan, places));
    this.#stopLimiting = repeat(() => {
      for (const { log } of this.#processes) log.limit();
    }, LOG_CHECK_MS);
  }

  pidOf(name: string): number | undefined {
    return this.#processes.find(({ plan }) => plan.name === name)?.pid;
  }

  /** Resolves when all are ready. @throws {DeployFailure} the first that could not be started. */
  async start(): Promise<void> {
    const ready = new Map<string, Promise<void>>();
    for (const process of this.#processes) {
      const earlier = process.plan.after.map((name) => ready.get(name));
      ready.set(
        process.plan.name,
        Promise.all(earlier).then(() => process.start()),
      );
    }
    await Promise.all(ready.values());
  }

  async stop(): Promise<void> {
    this.#stopLimiting();
    for (const process of this.#processes.toReversed()) await process.stop();
  }
}

/**
 * Ends what a supervisor that was killed left running, the last started first, as `stop` would.
 * `names` is in the order of starting. Returns the names of those it found.
 */
export async function endOrphans(
  run: string,
  names: readonly string[],
): Promise<readonly string[]> {
  const found: string[] = [];
  const present = new Set(readdirSync(run));
  for (const name of names.toReversed()) {
    const file = `${name}.pid`;
    if (!present.has(file)) continue;
    const identity = parseIdentity(readRecord(join(run, file)));
    if (identity !== undefined) {
      found.push(name);
      await endProcess(identity, {
        // PostgreSQL waits for its clients to leave on SIGTERM; on SIGINT it sends them away.
        signal: name === 'postgres' ? 'SIGINT' : 'SIGTERM',
        withinMs: ORPHAN_WITHIN_MS,
      });
    }
    rmSync(join(run, file), { force: true });
  }
  return found;
}
