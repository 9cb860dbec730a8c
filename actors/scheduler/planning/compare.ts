import { type Arrival, runForward } from './future.ts';
import type { Situation } from './model.ts';
import { type Vector, zero } from './vector.ts';

/** A recorded or imported load: who came when and how long it ran once it had started. */
export interface Workload {
  readonly from: Situation;
  readonly arrivals: readonly Arrival[];
  readonly durationMs: ReadonlyMap<string, number>;
}

/** What a policy made of a load. Times in milliseconds, shares 0 to 1. */
export interface Outcome {
  readonly placed: number;
  readonly neverPlaced: number;
  readonly wait: Waits;
  readonly waitByUser: Readonly<Record<string, Waits>>;
  /** By kernels of a session: `1`, `2-4`, `5-16`, `17+`. */
  readonly waitBySize: Readonly<Record<string, Waits>>;
  /** Of each slot, the share of all node time that was given away. */
  readonly utilisation: Readonly<Record<string, number>>;
  /** Jain's index over what each user got of the dominant slot: 1 is even. */
  readonly fairness: number;
  readonly preemptions: number;
  readonly makespanMs: number;
}

export interface Waits {
  readonly count: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

/** Every placement with its moment: what a replay under the same policy must give again. */
export interface Placement {
  readonly session: string;
  readonly atMs: number;
  readonly nodes: readonly string[];
}

const PASSES_MAX = 1_000_000;

/** Runs the load through the policy of `from.groups`. */
export function runWorkload({ from, arrivals, durationMs }: Workload): {
  readonly outcome: Outcome;
  readonly placements: readonly Placement[];
} {
  const arrivedAtMs = new Map(arrivals.map(({ atMs, session }) => [session.session, atMs]));
  for (const { session, queuedAtMs } of from.pending) arrivedAtMs.set(session, queuedAtMs);
  const sessions = new Map(
    [...from.pending, ...arrivals.map(({ session }) => session)].map((one) => [one.session, one]),
  );
  const placements: Placement[] = [];
  const waits: Wait[] = [];
  const busy = [...zero(from.slots.length)];
  const held = new Map<string, number[]>();
  let preemptions = 0;
  let lastMs = from.nowMs;
  const count = (until: Situation, since: number): void => {
    for (const { owner, placements: parts } of until.running) {
      const own = held.get(owner.userId) ?? [...zero(from.slots.length)];
      for (const { request } of parts) {
        request.forEach((amount, slot) => {
          busy[slot] = (busy[slot] ?? 0) + amount * since;
          own[slot] = (own[slot] ?? 0) + amount * since;
        });
      }
      held.set(owner.userId, own);
    }
  };
  let before: Situation = from;
  const { atMs } = runForward({
    from,
    arrivals,
    endOf: ({ session, startedAtMs }) => startedAtMs + (durationMs.get(session) ?? Infinity),
    passesMax: PASSES_MAX,
    watch: {
      placed: ({ session, placements: parts }, placedAtMs) => {
        placements.push({ session, atMs: placedAtMs, nodes: parts.map(({ node }) => node) });
        const waited = placedAtMs - (arrivedAtMs.get(session) ?? placedAtMs);
        const view = sessions.get(session);
        waits.push({
          waitedMs: waited,
          user: view?.owner.userId ?? '',
          kernels: view?.kernels.length ?? 1,
        });
        return undefined;
      },
      preempted: () => {
        preemptions += 1;
      },
      passed: (situation) => {
        count(before, situation.nowMs - lastMs);
        lastMs = situation.nowMs;
        before = situation;
      },
    },
  });
  const makespanMs = atMs - from.nowMs;
  return {
    placements,
    outcome: {
      placed: placements.length,
      neverPlaced: sessions.size - placements.length,
      wait: waitsOf(waits),
      waitByUser: grouped(waits, ({ user }) => user),
      waitBySize: grouped(waits, ({ kernels }) => sizeOf(kernels)),
      utilisation: utilisationOf(from, busy, makespanMs),
      fairness: jain([...held.values()].map((amounts) => dominant(amounts, from))),
      preemptions,
      makespanMs,
    },
  };
}

interface Wait {
  readonly waitedMs: number;
  readonly user: string;
  readonly kernels: number;
}

function waitsOf(waits: readonly Wait[]): Waits {
  const sorted = waits.map(({ waitedMs }) => waitedMs).sort((left, right) => left - right);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { count: sorted.length, p50Ms: at(0.5), p95Ms: at(0.95) };
}

function grouped(
  waits: readonly Wait[],
  keyOf: (wait: Wait) => string,
): Readonly<Record<string, Waits>> {
  return Object.fromEntries(
    [...Map.groupBy(waits, keyOf)].map(([key, some]) => [key, waitsOf(some)]),
  );
}

function sizeOf(kernels: number): string {
  if (kernels === 1) return '1';
  if (kernels <= 4) return '2-4';
  return kernels <= 16 ? '5-16' : '17+';
}

function utilisationOf(
  { slots, nodes }: Situation,
  busy: Vector,
  spanMs: number,
): Readonly<Record<string, number>> {
  return Object.fromEntries(
    slots.flatMap((name, slot) => {
      const all = nodes.reduce((sum, { total }) => sum + (total[slot] ?? 0), 0) * spanMs;
      return all > 0 ? [[name, (busy[slot] ?? 0) / all]] : [];
    }),
  );
}

function dominant(amounts: Vector, { nodes }: Situation): number {
  return amounts.reduce((most, amount, slot) => {
    const all = nodes.reduce((sum, { total }) => sum + (total[slot] ?? 0), 0);
    return all > 0 ? Math.max(most, amount / all) : most;
  }, 0);
}

/** (sum of x)^2 / (n * sum of x^2); 1 when there is nobody. */
export function jain(shares: readonly number[]): number {
  const total = shares.reduce((sum, share) => sum + share, 0);
  const squares = shares.reduce((sum, share) => sum + share * share, 0);
  return squares === 0 ? 1 : (total * total) / (shares.length * squares);
}
