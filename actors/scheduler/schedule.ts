import {
  type Amounts,
  fromAmounts,
  type HoldReason,
  type NodeCapacity,
  type Placement,
  type QueuedSession,
  toAmounts,
} from '@orrery/bus';
import type { SchedulerState, Waiting } from './state.ts';

export interface Policy {
  /** `dispersed`: the node with most left; `concentrated`: the one with least left that still fits. */
  readonly strategy: 'dispersed' | 'concentrated';
  /** Slots are compared in this order; a name also stands for its kinds (`cuda` for `cuda.device`). */
  readonly resourcePriority: readonly string[];
}

/** Reference: defaults of the agent selection strategy and of its resource priority. */
export const DEFAULT_POLICY: Policy = {
  strategy: 'dispersed',
  resourcePriority: ['cuda', 'rocm', 'tpu', 'cpu', 'mem'],
};

export interface Plan {
  readonly placed: readonly {
    readonly queued: QueuedSession;
    readonly placements: readonly Placement[];
  }[];
  readonly held: readonly { readonly session: string; readonly reason: HoldReason }[];
}

interface Candidate {
  readonly capacity: NodeCapacity;
  free: Amounts;
}

/**
 * Who of `waiting` gets which slots now: priority bands first, inside a band in order of arrival, and
 * one that does not fit holds up nobody behind it. Pure; `state` is only read.
 */
export function schedule(state: SchedulerState, waiting: Iterable<Waiting>, policy: Policy): Plan {
  const inOrder = byPriority(waiting);
  if (inOrder.length === 0) return { placed: [], held: [] };
  const candidates = [...state.nodes.values()]
    .filter(({ capacity }) => capacity.isSchedulable)
    .map(({ capacity, free }): Candidate => ({ capacity, free }));
  const placed: Plan['placed'][number][] = [];
  const held: Plan['held'][number][] = [];
  for (const { queued, reason: before } of inOrder) {
    const outcome = place(queued, candidates, policy);
    if (outcome.placements !== undefined) {
      placed.push({ queued, placements: outcome.placements });
    } else if (before?.code !== outcome.reason.code || before.message !== outcome.reason.message) {
      held.push({ session: queued.session, reason: outcome.reason });
    }
  }
  return { placed, held };
}

function byPriority(waiting: Iterable<Waiting>): readonly Waiting[] {
  return [...waiting].sort((left, right) => right.queued.priority - left.queued.priority);
}

type PlaceOutcome =
  | { readonly placements: readonly Placement[]; readonly reason?: undefined }
  | { readonly placements?: undefined; readonly reason: HoldReason };

/** All kernels of the session or none. Takes what it gives from the candidates. */
function place(
  queued: QueuedSession,
  candidates: readonly Candidate[],
  policy: Policy,
): PlaceOutcome {
  const eligible = eligibleFor(queued, candidates);
  if (!Array.isArray(eligible)) return { reason: eligible as HoldReason };
  const before = eligible.map(({ free }) => free);
  const groups =
    queued.clusterMode === 'single-node'
      ? [queued.kernels]
      : queued.kernels.map((kernel) => [kernel]);
  const placements: Placement[] = [];
  for (const kernels of groups) {
    const wanted = kernels.map(({ slots }) => toAmounts(slots)).reduce(plus);
    const chosen = choose(wanted, eligible, policy);
    if (chosen === undefined) {
      eligible.forEach((candidate, index) => {
        candidate.free = before[index] ?? candidate.free;
      });
      return { reason: shortfall(wanted, eligible) };
    }
    chosen.free = minus(chosen.free, wanted);
    placements.push(
      ...kernels.map(({ kernel, slots }) => ({ kernel, node: chosen.capacity.node, slots })),
    );
  }
  return { placements };
}

function eligibleFor(
  queued: QueuedSession,
  candidates: readonly Candidate[],
): Candidate[] | HoldReason {
  const inGroup = candidates.filter(
    ({ capacity }) => capacity.resourceGroup === queued.resourceGroup,
  );
  if (inGroup.length === 0) {
    return {
      code: 'no-available-instances',
      message: `No agents are available in the resource group ${queued.resourceGroup}.`,
    };
  }
  const { architecture } = queued;
  const compatible =
    architecture === undefined
      ? inGroup
      : inGroup.filter(({ capacity }) => capacity.architecture === architecture);
  if (compatible.length === 0) {
    return {
      code: 'architecture-mismatch',
      message: `No agents have the architecture ${architecture}.`,
    };
  }
  return compatible;
}

function choose(
  wanted: Amounts,
  eligible: readonly Candidate[],
  policy: Policy,
): Candidate | undefined {
  const order = slotsInOrder(wanted, policy);
  let best: Candidate | undefined;
  let bestUnneeded = 0;
  for (const candidate of eligible) {
    if (!fits(wanted, candidate.free)) continue;
    const unneeded = unneededSlots(wanted, candidate.free);
    const isBest =
      best === undefined ||
      unneeded < bestUnneeded ||
      (unneeded === bestUnneeded && isBetter(candidate, best, { order, policy }));
    if (!isBest) continue;
    best = candidate;
    bestUnneeded = unneeded;
  }
  return best;
}

/** Of two with as many kinds of slots that are not wanted. */
function isBetter(
  left: Candidate,
  right: Candidate,
  { order, policy }: { readonly order: readonly string[]; readonly policy: Policy },
): boolean {
  for (const name of order) {
    const difference = (left.free[name] ?? 0n) - (right.free[name] ?? 0n);
    if (difference !== 0n)
      return policy.strategy === 'dispersed' ? difference > 0n : difference < 0n;
  }
  return left.capacity.node < right.capacity.node;
}

/** Kinds of slots that a node has and the session does not want: CPU jobs leave GPU nodes alone. */
function unneededSlots(wanted: Amounts, free: Amounts): number {
  let count = 0;
  for (const name in free) if ((free[name] ?? 0n) > 0n && (wanted[name] ?? 0n) === 0n) count += 1;
  return count;
}

function slotsInOrder(wanted: Amounts, { resourcePriority }: Policy): readonly string[] {
  const rank = (name: string): number => {
    const place = resourcePriority.findIndex(
      (prefix) => name === prefix || name.startsWith(`${prefix}.`),
    );
    return place === -1 ? resourcePriority.length : place;
  };
  return Object.keys(wanted).sort(
    (left, right) => rank(left) - rank(right) || (left < right ? -1 : 1),
  );
}

function fits(wanted: Amounts, free: Amounts): boolean {
  for (const name in wanted) if ((wanted[name] ?? 0n) > (free[name] ?? 0n)) return false;
  return true;
}

/** What the node that comes closest lacks. */
function shortfall(wanted: Amounts, eligible: readonly Candidate[]): HoldReason {
  const lacks = eligible.map(({ capacity, free }) => {
    const missing = Object.entries(wanted).filter(([name, amount]) => amount > (free[name] ?? 0n));
    const isPossible = fits(wanted, toAmounts(capacity.slots));
    return {
      node: capacity.node,
      isPossible,
      missing: missing.map(([name, amount]) => [name, amount - (free[name] ?? 0n)] as const),
    };
  });
  const closest = lacks.reduce((best, one) =>
    one.missing.length < best.missing.length ? one : best,
  );
  const missing = fromAmounts(Object.fromEntries(closest.missing));
  if (!lacks.some(({ isPossible }) => isPossible)) {
    return {
      code: 'never-fits',
      message: `No agent is large enough: even an empty one lacks ${listed(missing)}.`,
      missing,
    };
  }
  return {
    code: 'no-available-instances',
    message: `No agent has enough left: the closest, ${closest.node}, lacks ${listed(missing)}.`,
    missing,
  };
}

function listed(slots: Readonly<Record<string, string>>): string {
  return Object.entries(slots)
    .map(([name, amount]) => `${amount} ${name}`)
    .join(', ');
}

function plus(left: Amounts, right: Amounts): Amounts {
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return Object.fromEntries(
    [...names].map((name) => [name, (left[name] ?? 0n) + (right[name] ?? 0n)]),
  );
}

function minus(left: Amounts, right: Amounts): Amounts {
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return Object.fromEntries(
    [...names].map((name) => [name, (left[name] ?? 0n) - (right[name] ?? 0n)]),
  );
}
