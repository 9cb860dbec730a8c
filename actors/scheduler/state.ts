import type {
  GroupPolicy,
  HoldReason,
  NodeCapacity,
  OwnerLimits,
  QueuedSession,
  SchedulerEvent,
  Slots,
} from '@orrery/bus';
import { AllocatedSession, type Leaving } from './allocated-session.ts';
import { Experience } from './experience.ts';
import { createFairUse, type FairUse } from './fair-use.ts';
import {
  countWaiting,
  createGroup,
  type GroupState,
  touchAll,
  touchArrival,
} from './group-state.ts';
import { askingWith } from './overlong.ts';
import { countHeld, type OwnerCounts } from './owner-counts.ts';
import type { Dependency, PendingView } from './planning/model.ts';
import { SchedulerNode } from './scheduler-node.ts';
import { createSharing, type Sharing } from './sharing.ts';
import { createSlotBook, type SlotBook } from './slot-book.ts';
import { kernelsOf, type Particulars, type Said, WaitingSession } from './waiting-session.ts';
import { type Terms, termsOf, type Wish, wishOf } from './wish.ts';

/** A session on which others depend; its state is changed in all of them at once. */
export interface DependedOn extends Dependency {
  state: Dependency['state'];
  /** Sessions that wait for it. */
  readonly by: Set<string>;
}

/**
 * Everything known by the only writer of allocations. Folded in place: copying a queue of 100,000 for
 * every event would be the end of it. Maps keep the order of arrival.
 */
export interface SchedulerState {
  readonly nodes: Map<string, SchedulerNode>;
  /** Whether the nodes' networks are to be found anew. */
  areNetworksStale: boolean;
  readonly queue: Map<string, WaitingSession>;
  readonly allocations: Map<string, AllocatedSession>;
  readonly policies: Map<string, GroupPolicy>;
  /** By `keypair:`, `user:`, `project:` and `domain:` key. */
  readonly limits: Map<string, OwnerLimits>;
  readonly dependedOn: Map<string, DependedOn>;
  readonly groups: Map<string, GroupState>;
  readonly usage: OwnerCounts;
  readonly fairUse: FairUse;
  readonly sharing: Sharing;
  readonly book: SlotBook;
  /** When the lifetime of somebody who holds slots is over; never later than that, and Infinity for nobody. */
  firstExpiryMs: number;
  /** When sessions that hold slots are asked whether they are over; never later than that, Infinity for nobody. */
  asksAtMs: number;
  /** From which starts are foretold. */
  readonly experience: Experience;
  /** Not before this is a start foretold again: it must not hold up who can be placed. Not in the log. */
  foretellsAgainAtMs: number;
  /** Of placements; names the node that was taken last. */
  turn: number;
  /** What a pass has decided and no commit holds yet; void as soon as anything else happens. */
  unwritten: readonly SchedulerEvent[];
}

export function emptyState(): SchedulerState {
  return {
    nodes: new Map(),
    areNetworksStale: true,
    queue: new Map(),
    allocations: new Map(),
    policies: new Map(),
    limits: new Map(),
    dependedOn: new Map(),
    groups: new Map(),
    usage: new Map(),
    fairUse: createFairUse(),
    sharing: createSharing(),
    book: createSlotBook(),
    firstExpiryMs: Number.POSITIVE_INFINITY,
    asksAtMs: Number.POSITIVE_INFINITY,
    experience: new Experience(),
    foretellsAgainAtMs: 0,
    turn: 0,
    unwritten: [],
  };
}

export function groupOf(state: SchedulerState, name: string): GroupState {
  const known = state.groups.get(name);
  if (known !== undefined) return known;
  const group = createGroup(name);
  state.groups.set(name, group);
  return group;
}

/** Whatever changes what all groups may do. */
export function touchEveryone(state: SchedulerState): void {
  for (const group of state.groups.values()) touchAll(group);
}

/** A session as the queue holds it, from the log or from where the state was kept. */
export interface Entry {
  readonly session: string;
  readonly attempt: number;
  readonly terms: Terms;
  readonly kernels: readonly string[];
  readonly queuedAtMs?: number | undefined;
  readonly startsAtMs?: number | undefined;
  readonly dependencies?: QueuedSession['dependencies'] | undefined;
  readonly failedOn?: QueuedSession['failedOn'] | undefined;
  readonly said?: Said | undefined;
  readonly promised?: PendingView['promised'];
}

export function entryOf(queued: QueuedSession): Entry {
  return {
    session: queued.session,
    attempt: queued.attempt,
    terms: termsOf(queued),
    kernels: queued.kernels.map(({ kernel }) => kernel),
    queuedAtMs: queued.queuedAtMs,
    startsAtMs: queued.startsAtMs,
    dependencies: queued.dependencies,
    failedOn: queued.failedOn,
  };
}

/** Behind all who wait already. */
export function enqueue(state: SchedulerState, entry: Entry): WaitingSession {
  const { session, attempt, terms, queuedAtMs = 0, said, promised } = entry;
  const wish = wishOf(terms, state);
  const particulars = particularsOf(state, entry);
  const kernels = kernelsOf(entry.kernels, wish.requests);
  const parts = { session, attempt, queuedAtMs, wish, kernels, particulars };
  const shared = said && { ...said, reason: state.sharing.one(said.reason) };
  const waiting = new WaitingSession(parts, shared, promised);
  state.queue.set(session, waiting);
  const group = groupOf(state, terms.resourceGroup);
  countWaiting(group, terms.priority, 1);
  if (promised !== undefined) group.promised += 1;
  touchArrival(group, session);
  return waiting;
}

function particularsOf(
  state: SchedulerState,
  { session, startsAtMs, dependencies = [], failedOn: failures = [] }: Entry,
): Particulars | undefined {
  if (startsAtMs === undefined && dependencies.length === 0 && failures.length === 0)
    return undefined;
  const all = dependencies.map(({ session: id, name }) => {
    const known = state.dependedOn.get(id);
    const one: DependedOn = known ?? { session: id, name, state: 'waited-for', by: new Set() };
    one.by.add(session);
    state.dependedOn.set(id, one);
    return one;
  });
  return { startsAtMs, dependencies: all, failures, failedOn: [] };
}

/** Takes it out of the queue, if it is there. */
export function leaveQueue(state: SchedulerState, session: string): WaitingSession | undefined {
  const waiting = state.queue.get(session);
  if (waiting === undefined) return undefined;
  state.queue.delete(session);
  const group = groupOf(state, waiting.group);
  countWaiting(group, waiting.priority, -1);
  if (waiting.promised !== undefined) group.promised -= 1;
  if (group.touched !== 'all') group.touched.delete(session);
  for (const { session: id } of waiting.dependencies) {
    const one = state.dependedOn.get(id);
    one?.by.delete(session);
    if (one?.by.size === 0) state.dependedOn.delete(id);
  }
  return waiting;
}

/** Says something else of a session that waits. */
export function resay(state: SchedulerState, waiting: WaitingSession, said: Said): void {
  const { session, promised } = waiting;
  state.queue.set(session, new WaitingSession(waiting, said, promised));
}

/** Room is being made for it there; undefined: no longer. */
export function promise(
  state: SchedulerState,
  session: string,
  promised: PendingView['promised'],
): void {
  const waiting = state.queue.get(session);
  if (waiting === undefined) return;
  const group = groupOf(state, waiting.group);
  group.promised += Number(promised !== undefined) - Number(waiting.promised !== undefined);
  state.queue.set(session, new WaitingSession(waiting, waiting.said, promised));
}

/** Where the kernels of a session lie, from the log or from where the state was kept. */
export interface Allotment {
  readonly session: string;
  readonly attempt: number;
  readonly wish: Wish;
  readonly placements: readonly { readonly kernel: string; readonly node: string }[];
  readonly startedAtMs: number;
  readonly leaving?: Leaving | undefined;
}

export function allocate(state: SchedulerState, allotment: Allotment): void {
  const { session, attempt, wish, startedAtMs, leaving } = allotment;
  const placements = allotment.placements.map(({ kernel, node }, index) => ({
    kernel,
    node: state.sharing.text(node),
    slots: wish.terms.slots[index] ?? {},
    request: wish.requests[index] ?? [],
  }));
  const parts = { session, attempt, wish, placements, startedAtMs };
  const allocation = new AllocatedSession(parts, leaving);
  state.allocations.set(session, allocation);
  state.asksAtMs = askingWith(state, startedAtMs);
  countAllocation(state, allocation, 1);
}

export function deallocate(state: SchedulerState, allocation: AllocatedSession): void {
  state.allocations.delete(allocation.session);
  countAllocation(state, allocation, -1);
}

function countAllocation(state: SchedulerState, one: AllocatedSession, sign: 1 | -1): void {
  for (const { node: name, request } of one.placements) {
    const node = state.nodes.get(name);
    if (node === undefined) continue;
    node.give(request, sign);
    if (sign === 1) {
      state.turn += 1;
      node.turn = state.turn;
    }
  }
  countHeld(state.usage, one, { requests: one.wish.requests, sign });
}

/** A node that is new, or has become another. */
export function setNode(state: SchedulerState, capacity: NodeCapacity): void {
  state.areNetworksStale = true;
  const total = state.book.capacity(capacity.slots);
  const known = state.nodes.get(capacity.node);
  const node = known ?? new SchedulerNode(capacity, total);
  if (known !== undefined) {
    const before = groupOf(state, known.group);
    before.nodes.delete(known.name);
    touchAll(before);
    known.resize(capacity, total);
  }
  state.nodes.set(node.name, node);
  const group = groupOf(state, node.group);
  group.nodes.set(node.name, node);
  touchAll(group);
}

export function reasonOf(state: SchedulerState, { place: _, ...reason }: HoldReason): HoldReason {
  return state.sharing.one(reason);
}

/** The slots that an event names and that may be new. */
export function slotsIn(event: SchedulerEvent): readonly Slots[] {
  switch (event.type) {
    case 'session-queued':
      return event.queued.kernels.map(({ slots }) => slots);
    case 'session-placed':
      return event.placements.map(({ slots }) => slots);
    case 'node-joined':
    case 'node-capacity-changed':
      return [event.capacity.slots];
    default:
      return [];
  }
}
