import type { OwnerLimits } from '@orrery/bus';
import { findNetworks } from './cluster-network.ts';
import { type FairShareTerms, factorsOf } from './fair-use.ts';
import type { GroupState } from './group-state.ts';
import { pendingWithin, runningWithin } from './lifetimes.ts';
import {
  DEFAULT_GROUP_POLICY,
  type GroupPolicy,
  type KeypairLimits,
  type Limits,
  type OwnerKind,
  type PendingLimits,
  type Situation,
} from './planning/model.ts';
import type { Vector } from './planning/vector.ts';
import type { SlotBook } from './slot-book.ts';
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
  findNetworks(state);
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
    pending: pendingWithin(inOrderOfArrival(pending), state),
    running: runningWithin(running, state),
    groups: Object.fromEntries([...names].map((name) => [name, policyOf(state, name)])),
    limits: limitsOf(state),
    usage: state.usage,
    factors: factorsIn(state, groups, { pending, nowMs }),
  };
}

/** Of the groups that are ordered by them. */
function factorsIn(
  state: SchedulerState,
  groups: readonly GroupState[],
  { pending, nowMs }: { readonly pending: readonly WaitingSession[]; readonly nowMs: number },
): Situation['factors'] {
  const fair = groups.filter(({ name }) => policyOf(state, name).ordering === 'fair-share');
  if (fair.length === 0) return undefined;
  const sessions = Map.groupBy(pending, ({ group }) => group);
  return new Map(
    fair.map(({ name }) => {
      const owners = state.fairUse.groups.get(name);
      const own = sessions.get(name) ?? [];
      return [name, factorsOf(owners, own, fairShareTerms(state, name, nowMs))];
    }),
  );
}

export function fairShareTerms(
  { policies, groups, book }: SchedulerState,
  group: string,
  nowMs: number,
): FairShareTerms {
  const capacity = book.names.map(() => 0);
  for (const { total } of groups.get(group)?.nodes.values() ?? [])
    for (let slot = 0; slot < capacity.length; slot += 1)
      capacity[slot] = (capacity[slot] ?? 0) + (total[slot] ?? 0);
  return { share: policies.get(group)?.fairShare, slots: book.names, capacity, nowMs };
}

/** Whether the answer depends on who runs, not only on what is free. */
function isSwayedByWhatRuns(
  { ordering, reservation, preemption }: GroupPolicy,
  pending: readonly WaitingSession[],
): boolean {
  if (ordering === 'drf' || reservation !== 'none' || preemption.isEnabled) return true;
  return pending.some(
    ({ placementGroup, promised }) => placementGroup !== undefined || promised !== undefined,
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
  const keypairs = new Map<string, KeypairLimits>();
  const totals = { user: new Map(), project: new Map(), domain: new Map() } as const;
  const sessionsMax = { user: new Map(), project: new Map(), domain: new Map() } as const;
  const pending = emptyPending();
  for (const [scoped, { pendingTotalMax, pendingSessionsMax, ...counts }] of limits) {
    const kind = scoped.slice(0, scoped.indexOf(':')) as OwnerKind;
    const key = scoped.slice(kind.length + 1);
    const total = totalOf(counts, book);
    if (pendingSessionsMax !== undefined || pendingTotalMax !== undefined) {
      const totalMax = pendingTotalMax && book.limit(pendingTotalMax);
      pending[kind].set(key, { sessionsMax: pendingSessionsMax, totalMax });
    }
    if (kind === 'keypair') {
      keypairs.set(key, { ...counts, total });
      continue;
    }
    if (total !== undefined) totals[kind].set(key, total);
    const most = counts.concurrentSessionsMax ?? 0;
    if (most > 0) sessionsMax[kind].set(key, most);
  }
  const { user: users, project: projects, domain: domains } = totals;
  return { keypairs, users, projects, domains, sessionsMax, pending };
}

function emptyPending(): Readonly<Record<OwnerKind, Map<string, PendingLimits>>> {
  return { keypair: new Map(), user: new Map(), project: new Map(), domain: new Map() };
}

function totalOf(
  { total, unlistedSlots }: Pick<OwnerLimits, 'total' | 'unlistedSlots'>,
  book: SlotBook,
): Vector | undefined {
  if (total === undefined && unlistedSlots !== 'none') return undefined;
  return book.limit(total ?? {}, unlistedSlots);
}
