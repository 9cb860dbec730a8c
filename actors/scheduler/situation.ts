import type { OwnerLimits } from '@orrery/bus';
import type { GroupState } from './group-state.ts';
import {
  DEFAULT_GROUP_POLICY,
  type GroupPolicy,
  type KeypairLimits,
  type Limits,
  type Situation,
} from './planning/model.ts';
import type { Vector } from './planning/vector.ts';
import type { SchedulerState } from './state.ts';
import type { WaitingSession } from './waiting-session.ts';

export function policyOf(state: SchedulerState, group: string): GroupPolicy {
  return state.policies.get(group) ?? DEFAULT_GROUP_POLICY;
}

interface Looked {
  readonly pending: readonly WaitingSession[];
  readonly nowMs: number;
  /** Default: those of the groups, if the answer depends on them. */
  readonly running?: 'all';
}

/** What a pass over these groups, and those of their sessions that are given, looks at. Copies no session. */
export function situationOf(
  state: SchedulerState,
  groups: readonly GroupState[],
  { pending, nowMs, running: who }: Looked,
): Situation {
  const names = new Set(groups.map(({ name }) => name));
  for (const { particulars } of pending) {
    if (particulars === undefined) continue;
    const failures = particulars.failures.filter(({ untilMs }) => untilMs > nowMs);
    particulars.failedOn = failures.map(({ node }) => node);
  }
  const isSwayed = groups.some(({ name }) => isSwayedByWhatRuns(policyOf(state, name), pending));
  const all = who === 'all' || isSwayed ? [...state.allocations.values()] : [];
  const running = who === 'all' ? all : all.filter(({ group }) => names.has(group));
  return {
    nowMs,
    slots: state.book.names,
    nodes: groups.flatMap(({ nodes }) => [...nodes.values()]),
    pending: inOrderOfArrival(pending),
    running,
    groups: Object.fromEntries([...names].map((name) => [name, policyOf(state, name)])),
    limits: limitsOf(state),
    usage: state.usage,
  };
}

/** Whether the answer depends on who runs, not only on what is free. */
function isSwayedByWhatRuns(
  { ordering, reservation, preemption }: GroupPolicy,
  pending: readonly WaitingSession[],
): boolean {
  if (ordering === 'drf' || reservation !== 'none' || preemption.isEnabled) return true;
  return pending.some(
    ({ placementGroup, isPromised }) => placementGroup !== undefined || isPromised,
  );
}

/** Who waits again keeps the place it had. */
function inOrderOfArrival(pending: readonly WaitingSession[]): readonly WaitingSession[] {
  let before = 0;
  for (const { queuedAtMs } of pending) {
    if (queuedAtMs < before)
      return pending.toSorted((left, right) => left.queuedAtMs - right.queuedAtMs);
    before = queuedAtMs;
  }
  return pending;
}

function limitsOf({ limits, book }: SchedulerState): Limits {
  const vector = (slots: OwnerLimits['total']): Vector | undefined => slots && book.limit(slots);
  const keypairs = new Map<string, KeypairLimits>();
  const totals = { user: new Map(), project: new Map(), domain: new Map() } as const;
  for (const [scoped, { total, pendingTotalMax, ...counts }] of limits) {
    const scope = scoped.slice(0, scoped.indexOf(':'));
    const key = scoped.slice(scope.length + 1);
    const all = vector(total);
    if (scope === 'keypair')
      keypairs.set(key, { ...counts, total: all, pendingTotalMax: vector(pendingTotalMax) });
    else if (all !== undefined) totals[scope as keyof typeof totals].set(key, all);
  }
  return { keypairs, users: totals.user, projects: totals.project, domains: totals.domain };
}
