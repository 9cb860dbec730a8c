import type { SchedulerEvent } from '@orrery/bus';
import type { Conclusion } from '../runtime/aggregate.ts';
import { fold } from './fold.ts';
import { type GroupState, isAnyoneWaiting } from './group-state.ts';
import { isOfQueue, isWaitingLimited } from './owner-counts.ts';
import type { Hold, Plan } from './planning/model.ts';
import { plan } from './planning/plan.ts';
import { holdsOf } from './reasons.ts';
import { policyOf, situationOf } from './situation.ts';
import type { SchedulerState } from './state.ts';
import type { WaitingSession } from './waiting-session.ts';

/** What a pass decides is one commit, which stays well under 512 KiB. */
const KERNELS_PLACED_MAX = 500;
const EVENTS_MAX = 500;

/**
 * The passes that a turn makes necessary, folded in as far as one commit takes them: over the sessions that
 * came, or over all of a group when room was made there or its rules changed.
 */
export function conclude(
  state: SchedulerState,
  _decided: unknown,
  nowMs: number,
): Conclusion<SchedulerEvent> {
  const events: SchedulerEvent[] = [];
  let kernels = 0;
  for (;;) {
    if (state.unwritten.length === 0) {
      const groups = touchedGroups(state);
      if (groups.length === 0) return { events, isMore: false };
      state.unwritten = passOver(state, groups, nowMs);
    }
    let taken = 0;
    for (const event of state.unwritten) {
      if (kernels >= KERNELS_PLACED_MAX || events.length >= EVENTS_MAX) break;
      taken += 1;
      events.push(event);
      if (event.type === 'session-placed') kernels += event.placements.length;
    }
    const rest = state.unwritten.slice(taken);
    for (const event of events.slice(events.length - taken)) fold(state, event);
    state.unwritten = rest;
    if (rest.length > 0) return { events, isMore: true };
  }
}

/** Groups where somebody waits and something changed. */
function touchedGroups(state: SchedulerState): readonly GroupState[] {
  const groups: GroupState[] = [];
  for (const group of state.groups.values()) {
    if (group.touched !== 'all' && group.touched.size === 0) continue;
    if (isAnyoneWaiting(group)) groups.push(group);
    else settle(group, Number.POSITIVE_INFINITY);
  }
  return groups;
}

function settle(group: GroupState, lookAgainAtMs: number): void {
  group.touched = new Set();
  group.lookAgainAtMs = lookAgainAtMs;
  if (!isAnyoneWaiting(group)) group.refused.clear();
}

function passOver(
  state: SchedulerState,
  groups: readonly GroupState[],
  nowMs: number,
): readonly SchedulerEvent[] {
  const whole: GroupState[] = [];
  for (const group of groups) {
    const arrivals = arrivalsOf(state, group, nowMs);
    // What other groups get first may use up what an owner may hold: one group by itself, or all together.
    if (arrivals !== undefined && groups.length === 1)
      return admit(state, group, { arrivals, nowMs });
    whole.push(group);
  }
  // How many of an owner may wait is counted over all groups.
  if (![...state.limits.values()].some(isOfQueue)) return goThrough(state, whole, nowMs);
  return goThrough(state, [...state.groups.values()].filter(isAnyoneWaiting), nowMs);
}

/** Everyone who waits in these groups. */
function goThrough(
  state: SchedulerState,
  groups: readonly GroupState[],
  nowMs: number,
): readonly SchedulerEvent[] {
  const names = new Set(groups.map(({ name }) => name));
  const pending: WaitingSession[] = [];
  for (const session of state.queue.values()) if (names.has(session.group)) pending.push(session);
  const decided = plan(situationOf(state, groups, { pending, nowMs }));
  for (const group of groups) {
    group.refused.clear();
    settle(group, decided.lookAgainAtMs ?? Number.POSITIVE_INFINITY);
  }
  return eventsOf(state, decided, nowMs);
}

/**
 * The sessions that came, when it is enough to try them: everyone else was refused with at least as much
 * room and waits for more. Undefined when the others have to be looked at, too.
 */
function arrivalsOf(
  state: SchedulerState,
  group: GroupState,
  nowMs: number,
): readonly WaitingSession[] | undefined {
  const { touched, lookAgainAtMs } = group;
  if (touched === 'all' || lookAgainAtMs === undefined || lookAgainAtMs <= nowMs) return undefined;
  const { ordering, reservation, preemption } = policyOf(state, group.name);
  if (reservation !== 'none' || preemption.isEnabled || group.promised > 0) return undefined;
  const arrivals: WaitingSession[] = [];
  for (const session of touched) {
    const waiting = state.queue.get(session);
    if (waiting === undefined) continue;
    if (isSwayingOthers(state, waiting)) return undefined;
    arrivals.push(waiting);
  }
  // Users with equal shares take turns in the order in which they came, and the others came before.
  const isOneUser = arrivals.every(({ owner }) => owner.userId === arrivals[0]?.owner.userId);
  return ordering === 'drf' && !isOneUser ? undefined : arrivals;
}

/** Whether it changes, by waiting or by being placed, what others are told or may do. */
function isSwayingOthers(
  state: SchedulerState,
  { placementGroup, owner }: WaitingSession,
): boolean {
  return placementGroup !== undefined || isWaitingLimited(state, owner);
}

interface Arrivals {
  readonly arrivals: readonly WaitingSession[];
  readonly nowMs: number;
}

/** Tries those who came; who wants what was refused since there was room last is not tried. */
function admit(
  state: SchedulerState,
  group: GroupState,
  { arrivals, nowMs }: Arrivals,
): readonly SchedulerEvent[] {
  const before = group.lookAgainAtMs ?? Number.POSITIVE_INFINITY;
  const pending: WaitingSession[] = [];
  const refused: Hold[] = [];
  const placeOf = placesOf(state, group, arrivals);
  for (const waiting of arrivals) {
    const hold = waiting.particulars === undefined ? group.refused.get(waiting.wish) : undefined;
    if (hold === undefined) pending.push(waiting);
    else refused.push({ ...hold, session: waiting.session, place: placeOf(waiting.session) });
  }
  const timeoutMs = policyOf(state, group.name).pendingTimeoutMs;
  const firstDueMs =
    timeoutMs === 0
      ? Number.POSITIVE_INFINITY
      : arrivals.reduce(
          (first, { queuedAtMs }) => Math.min(first, queuedAtMs + timeoutMs),
          Number.POSITIVE_INFINITY,
        );
  const decided: Plan | undefined =
    pending.length === 0 ? undefined : plan(situationOf(state, [group], { pending, nowMs }));
  settle(group, Math.min(before, firstDueMs, decided?.lookAgainAtMs ?? Number.POSITIVE_INFINITY));
  const events = holdsOf(state, refused, nowMs);
  if (decided === undefined) return events;
  const held = decided.held.map((hold) => ({ ...hold, place: placeOf(hold.session) }));
  return [...events, ...eventsOf(state, { ...decided, held }, nowMs)];
}

/** Places in the queue of those who came last, by session; zero where only a whole pass would tell. */
function placesOf(
  state: SchedulerState,
  group: GroupState,
  arrivals: readonly WaitingSession[],
): (session: string) => number {
  if (policyOf(state, group.name).ordering !== 'fifo') return () => 0;
  const behind = new Map<number, number>();
  const places = new Map<string, number>();
  for (const { session, attempt, priority } of arrivals.toReversed()) {
    let ahead = -(behind.get(priority) ?? 0);
    for (const [band, count] of group.waiting) if (band >= priority) ahead += count;
    // Who waits again may stand before others.
    places.set(session, attempt > 1 ? 0 : ahead);
    behind.set(priority, (behind.get(priority) ?? 0) + 1);
  }
  return (session) => places.get(session) ?? 0;
}

function eventsOf(
  state: SchedulerState,
  { placed, held, ended, preempted, promised, broken }: Plan,
  nowMs: number,
): readonly SchedulerEvent[] {
  const placings = placed.map(({ session, attempt, placements }): SchedulerEvent => {
    const waiting = state.queue.get(session);
    const slots = new Map(
      waiting?.kernels.map(({ kernel }, index) => [kernel, waiting.wish.terms.slots[index] ?? {}]),
    );
    const places = placements.map(({ kernel, node }) => ({
      kernel,
      node,
      slots: slots.get(kernel) ?? {},
    }));
    return { type: 'session-placed', session, attempt, placements: places, atMs: nowMs };
  });
  const endings = ended.map(
    ({ session, reason, message }): SchedulerEvent => ({
      type: 'session-given-up',
      session,
      attempt: state.queue.get(session)?.attempt ?? 1,
      reason,
      message,
    }),
  );
  const victims = preempted.map(
    ({ session, mode, inFavourOf }): SchedulerEvent => ({
      type: 'session-preempted',
      session,
      attempt: state.allocations.get(session)?.attempt ?? 1,
      mode,
      reason: 'preempted',
      inFavourOf,
    }),
  );
  const attemptOf = (session: string): number => state.queue.get(session)?.attempt ?? 1;
  // A commit may end after any of them: who is told to go has gone for somebody then.
  const promises = promised.map(
    ({ session, placements }): SchedulerEvent => ({
      type: 'room-promised',
      session,
      attempt: attemptOf(session),
      placements: [...placements],
    }),
  );
  const breaches = broken.map(
    (session): SchedulerEvent => ({
      type: 'promise-broken',
      session,
      attempt: attemptOf(session),
    }),
  );
  return [
    ...placings,
    ...endings,
    ...breaches,
    ...promises,
    ...victims,
    ...holdsOf(state, held, nowMs),
  ];
}
