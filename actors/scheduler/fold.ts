import { DEFAULT_FAIR_SHARE, type HoldReason, type SchedulerEvent, unreachable } from '@orrery/bus';
import { AllocatedSession, type Leaving } from './allocated-session.ts';
import { noteHolding } from './fair-use.ts';
import { countWaiting, touchAll } from './group-state.ts';
import { expiryWith, findFirstExpiryMs } from './lifetimes.ts';
import { askingAfter } from './overlong.ts';
import { isWaitingLimited, keysOf } from './owner-counts.ts';
import {
  allocate,
  deallocate,
  enqueue,
  entryOf,
  groupOf,
  leaveQueue,
  promise,
  reasonOf,
  resay,
  type SchedulerState,
  setNode,
  slotsIn,
  touchEveryone,
} from './state.ts';
import { relearn } from './stored-state.ts';
import { WaitingSession } from './waiting-session.ts';
import { type Wish, wishOf } from './wish.ts';

const SECOND_MS = 1000;

type EventOf<Type extends SchedulerEvent['type']> = Extract<
  SchedulerEvent,
  { readonly type: Type }
>;

/** Takes an event into the state, in place. */
export function fold(state: SchedulerState, event: SchedulerEvent): void {
  const unknown = slotsIn(event).filter((slots) => !state.book.knows(slots));
  if (unknown.length > 0) relearn(state, unknown);
  switch (event.type) {
    case 'session-queued':
      queued(state, event);
      return;
    case 'session-placed':
      placed(state, event);
      return;
    case 'session-held':
      said(state, event.session, event);
      return;
    case 'start-foretold':
      state.experience.foretold(event.session, event.forecast);
      said(state, event.session, { reason: event.reason, atMs: event.forecast.atMs });
      return;
    case 'session-dequeued':
    case 'session-given-up':
      dequeued(state, event.session);
      return;
    case 'allocation-released':
      released(state, event);
      return;
    case 'node-joined':
    case 'node-capacity-changed':
      setNode(state, event.capacity);
      return;
    case 'session-preempted': {
      const { mode, reason, inFavourOf } = event;
      leave(state, event.session, { mode, reason, inFavourOf });
      return;
    }
    case 'room-promised':
      promise(state, event.session, event.placements);
      return;
    case 'promise-broken':
      promise(state, event.session, undefined);
      return;
    case 'session-expired':
      leave(state, event.session, { mode: 'terminate', reason: 'lifetime-over' });
      return;
    case 'priority-changed':
      reprioritised(state, event);
      return;
    default:
      foldRule(state, event);
  }
}

/** What is not about one session or node. */
function foldRule(
  state: SchedulerState,
  event: EventOf<
    'group-policy-set' | 'group-removed' | 'limits-set' | 'dependency-ended' | 'time-looked-at'
  >,
): void {
  switch (event.type) {
    case 'group-policy-set':
      state.policies.set(event.group, event.policy);
      state.areNetworksStale = true;
      touchAll(groupOf(state, event.group));
      return;
    case 'group-removed':
      state.policies.delete(event.group);
      state.areNetworksStale = true;
      touchAll(groupOf(state, event.group));
      return;
    case 'limits-set': {
      const key = `${event.scope}:${event.key}`;
      if (event.limits === null) state.limits.delete(key);
      else state.limits.set(key, event.limits);
      state.firstExpiryMs = findFirstExpiryMs(state);
      touchEveryone(state);
      return;
    }
    case 'dependency-ended': {
      const one = state.dependedOn.get(event.session);
      if (one === undefined) return;
      one.state = event.result === 'success' ? 'succeeded' : 'failed';
      for (const session of one.by) {
        const waiting = state.queue.get(session);
        if (waiting !== undefined) touchAll(groupOf(state, waiting.group));
      }
      return;
    }
    case 'time-looked-at':
      if (state.firstExpiryMs <= event.atMs) state.firstExpiryMs = findFirstExpiryMs(state);
      if (state.asksAtMs <= event.atMs) state.asksAtMs = askingAfter(state, event.atMs);
      for (const group of state.groups.values())
        if ((group.lookAgainAtMs ?? 0) <= event.atMs) touchAll(group);
      return;
    default:
      unreachable(event);
  }
}

function queued(state: SchedulerState, { queued: session }: EventOf<'session-queued'>): void {
  const { wish } = enqueue(state, entryOf(session));
  const { attempt, queuedAtMs: atMs, resourceGroup } = session;
  if (attempt === 1 && atMs !== undefined) state.experience.arrived(resourceGroup, { atMs, wish });
}

function said(
  state: SchedulerState,
  session: string,
  {
    reason,
    atMs = 0,
  }: { readonly reason?: HoldReason | undefined; readonly atMs?: number | undefined },
): void {
  const waiting = state.queue.get(session);
  if (waiting === undefined || reason === undefined) return;
  const atSeconds = Math.floor(atMs / SECOND_MS);
  resay(state, waiting, { reason: reasonOf(state, reason), atSeconds });
}

function placed(state: SchedulerState, event: EventOf<'session-placed'>): void {
  const { session, attempt, placements } = event;
  const startedAtMs = momentOf(state, event.atMs);
  const waiting = leaveQueue(state, session);
  if (waiting !== undefined) state.experience.started(session, waiting.group, startedAtMs);
  const wish = waiting?.wish ?? unknownWish(state, event);
  const kernels = waiting?.kernels.map(({ kernel }) => kernel) ?? [];
  const inOrder = kernels.flatMap(
    (kernel) => placements.find((one) => one.kernel === kernel) ?? [],
  );
  const all = inOrder.length === placements.length ? inOrder : placements;
  allocate(state, { session, attempt, wish, placements: all, startedAtMs });
  noteUse(state, wish, { sign: 1, atMs: startedAtMs });
  state.firstExpiryMs = expiryWith(state, { owner: wish.owner, startedAtMs });
}

/** The newest that is known when an event does not tell it: older versions wrote some down without. */
function momentOf({ fairUse }: SchedulerState, atMs: number | undefined): number {
  if (atMs === undefined) return fairUse.newestMs;
  fairUse.newestMs = Math.max(fairUse.newestMs, atMs);
  return atMs;
}

function noteUse(
  state: SchedulerState,
  { terms, owner, requests }: Wish,
  change: { readonly sign: 1 | -1; readonly atMs: number },
): void {
  const group = terms.resourceGroup;
  const { lookbackDays } = state.policies.get(group)?.fairShare ?? DEFAULT_FAIR_SHARE;
  noteHolding(state.fairUse, { group, owner, requests, lookbackDays, ...change });
}

/** Of a session that was never seen in the queue: it holds its slots all the same. */
function unknownWish(state: SchedulerState, { placements }: EventOf<'session-placed'>): Wish {
  const [first] = placements;
  const terms = {
    resourceGroup: state.nodes.get(first?.node ?? '')?.group ?? '',
    clusterMode: 'multi-node',
    priority: 0,
    owner: { userId: '', projectId: '', domain: '' },
    slots: placements.map(({ slots }) => slots),
  } as const;
  return wishOf(terms, state);
}

function dequeued(state: SchedulerState, session: string): void {
  const waiting = leaveQueue(state, session);
  state.experience.left(session);
  if (waiting === undefined) return;
  // Others of the same owner may wait only because so many did.
  if (isWaitingLimited(state, waiting.owner)) touchEveryone(state);
  else if (state.policies.get(waiting.group)?.reservation === 'first-blocked')
    touchAll(groupOf(state, waiting.group));
}

function released(
  state: SchedulerState,
  { session, atMs, result }: EventOf<'allocation-released'>,
): void {
  const allocation = state.allocations.get(session);
  if (allocation === undefined) return;
  noteUse(state, allocation.wish, { sign: -1, atMs: momentOf(state, atMs) });
  deallocate(state, allocation);
  if (atMs !== undefined && result !== undefined) noteRun(state, allocation, atMs);
  touchAll(groupOf(state, allocation.group));
  for (const { node } of allocation.placements)
    touchAll(groupOf(state, state.nodes.get(node)?.group ?? allocation.group));
  const isLimited = keysOf(allocation.owner).some((key) => state.limits.has(key));
  if (isLimited) touchEveryone(state);
}

/** How long it ran, if it came to an end of its own. */
function noteRun({ experience }: SchedulerState, one: AllocatedSession, atMs: number): void {
  const { startedAtMs, wish, sessionType, owner, image, group } = one;
  if (one.leaving !== undefined || startedAtMs === 0) return;
  const ranMs = Math.max(0, atMs - startedAtMs);
  experience.runs.note({
    ranMs,
    atMostMs: wish.terms.runsAtMostMs,
    user: owner.userId,
    sessionType,
    image,
    group,
  });
}

/** It was told to end. */
function leave(state: SchedulerState, session: string, leaving: Leaving): void {
  const allocation = state.allocations.get(session);
  if (allocation === undefined) return;
  state.allocations.set(session, new AllocatedSession(allocation, leaving));
}

function reprioritised(state: SchedulerState, event: EventOf<'priority-changed'>): void {
  const waiting = state.queue.get(event.session);
  if (waiting === undefined) return;
  const { terms } = waiting.wish;
  const wish = wishOf({ ...terms, priority: event.priority }, state);
  const group = groupOf(state, terms.resourceGroup);
  countWaiting(group, terms.priority, -1);
  countWaiting(group, event.priority, 1);
  const { session, attempt, queuedAtMs, kernels, particulars, said, promised } = waiting;
  const parts = { session, attempt, queuedAtMs, wish, kernels, particulars };
  state.queue.set(session, new WaitingSession(parts, said, promised));
  touchAll(group);
}
