import type { GroupPolicy, NodeCapacity, OwnerLimits, Slots } from '@orrery/bus';
import type { AllocatedSession, Leaving } from './allocated-session.ts';
import type { Experienced } from './experience.ts';
import type { OwnerUse } from './fair-use.ts';
import { findFirstExpiryMs } from './lifetimes.ts';
import type { Dependency } from './planning/model.ts';
import type { Habit } from './planning/run-history.ts';
import type { Vector } from './planning/vector.ts';
import {
  allocate,
  type Entry,
  emptyState,
  enqueue,
  type SchedulerState,
  setNode,
} from './state.ts';
import type { Said, WaitingSession } from './waiting-session.ts';
import { type Terms, wishOf } from './wish.ts';

/** Shape of the parts; a snapshot of another one is not read. */
export const STORED_VERSION = 7;

/** Sessions of one part: about 50 kB. */
const SESSIONS_PER_PART = 250;
/** Owners of one part: about 50 kB when they used something every day. */
const OWNERS_PER_PART = 50;
/** Habits of one part: about 50 kB when each was shown often. */
const HABITS_PER_PART = 10;

type StoredWaiting = Omit<Entry, 'terms' | 'said'> & {
  readonly terms: number;
  readonly said?: readonly [reason: number, atSeconds: number] | undefined;
};

interface StoredAllocation {
  readonly session: string;
  readonly attempt: number;
  readonly terms: number;
  readonly placements: readonly (readonly [kernel: string, node: string])[];
  readonly startedAtMs: number;
  readonly leaving?: Leaving | undefined;
}

/** What is not about one session. */
interface Rules {
  readonly policies: readonly (readonly [string, GroupPolicy])[];
  readonly limits: readonly (readonly [string, OwnerLimits])[];
  readonly outcomes: readonly (readonly [string, Dependency['state']])[];
  readonly turns: readonly (readonly [string, number])[];
  readonly turn: number;
  readonly newestMs: number;
}

/** Amounts in the order of `slots`. */
interface StoredUse {
  readonly group: string;
  readonly slots: readonly string[];
  readonly owners: readonly (readonly [key: string, use: OwnerUse])[];
}

type StoredPast = Omit<Experienced, 'arrived' | 'habits'>;

/** Who came to a group, by when and what they asked for. */
interface StoredArrivals {
  readonly group: string;
  readonly some: readonly (readonly [atMs: number, terms: number])[];
}

/** A piece of the state; what many sessions share is listed once a part and referred to by its place. */
export type Part =
  | { readonly nodes: readonly NodeCapacity[] }
  | { readonly shared: readonly unknown[]; readonly queue: readonly StoredWaiting[] }
  | { readonly shared: readonly unknown[]; readonly allocations: readonly StoredAllocation[] }
  | { readonly fairUse: StoredUse }
  | { readonly rules: Rules }
  | { readonly past: StoredPast }
  | { readonly habits: readonly Habit[] }
  | { readonly shared: readonly unknown[]; readonly arrived: StoredArrivals };

/**
 * The state as it is at the call, in parts that are made when they are asked for: what changes later does
 * not show, because entries are replaced and never changed.
 */
export function serialise(state: SchedulerState): Iterable<Part> {
  const nodes = [...state.nodes.values()];
  const rules = {
    policies: [...state.policies],
    limits: [...state.limits],
    outcomes: [...state.dependedOn.values()].map((one) => [one.session, one.state] as const),
    turns: nodes.map(({ name, turn }) => [name, turn] as const),
    turn: state.turn,
    newestMs: state.fairUse.newestMs,
  };
  const slots = state.book.names;
  const uses = [...state.fairUse.groups].map(([group, owners]) => ({
    group,
    slots,
    owners: [...owners],
  }));
  const capacities = nodes.map(({ capacity }) => capacity);
  const sessions = [[...state.queue.values()], [...state.allocations.values()]] as const;
  const past = state.experience.now();
  return partsOf({ nodes: capacities, rules, uses, past }, sessions);
}

function* usePartsOf(uses: readonly StoredUse[]): Generator<Part> {
  for (const { owners, ...use } of uses)
    for (let index = 0; index < owners.length; index += OWNERS_PER_PART)
      yield { fairUse: { ...use, owners: owners.slice(index, index + OWNERS_PER_PART) } };
}

interface Besides {
  readonly nodes: readonly NodeCapacity[];
  readonly rules: Rules;
  readonly uses: readonly StoredUse[];
  readonly past: Experienced;
}

function* partsOf(
  { nodes, rules, uses, past }: Besides,
  [queue, allocations]: readonly [readonly WaitingSession[], readonly AllocatedSession[]],
): Generator<Part> {
  yield { nodes };
  for (let index = 0; index < queue.length; index += SESSIONS_PER_PART)
    yield queuePart(queue.slice(index, index + SESSIONS_PER_PART));
  for (let index = 0; index < allocations.length; index += SESSIONS_PER_PART)
    yield allocationPart(allocations.slice(index, index + SESSIONS_PER_PART));
  yield { rules };
  yield* usePartsOf(uses);
  yield* pastPartsOf(past);
}

function* pastPartsOf({ arrived, habits, ...others }: Experienced): Generator<Part> {
  yield { past: others };
  for (let index = 0; index < habits.length; index += HABITS_PER_PART)
    yield { habits: habits.slice(index, index + HABITS_PER_PART) };
  for (const [group, all] of arrived) {
    const { shared, place } = createShelf();
    const some = all.map(({ atMs, wish }) => [atMs, place(wish.terms)] as const);
    yield { shared, arrived: { group, some } };
  }
}

function queuePart(waiting: readonly WaitingSession[]): Part {
  const { shared, place } = createShelf();
  const queue = waiting.map(({ wish, particulars, kernels, said, ...one }): StoredWaiting => {
    const { startsAtMs, dependencies = [], failures = [] } = particulars ?? {};
    return {
      session: one.session,
      attempt: one.attempt,
      terms: place(wish.terms),
      kernels: kernels.map(({ kernel }) => kernel),
      queuedAtMs: one.queuedAtMs,
      ...(startsAtMs === undefined ? {} : { startsAtMs }),
      ...(dependencies.length === 0
        ? {}
        : { dependencies: dependencies.map(({ session, name }) => ({ session, name })) }),
      ...(failures.length === 0 ? {} : { failedOn: failures }),
      ...(said === undefined ? {} : { said: [place(said.reason), said.atSeconds] as const }),
      ...(one.promised === undefined ? {} : { promised: one.promised }),
    };
  });
  return { shared, queue };
}

function allocationPart(all: readonly AllocatedSession[]): Part {
  const { shared, place } = createShelf();
  const allocations = all.map(({ session, attempt, wish, placements, startedAtMs, leaving }) => ({
    session,
    attempt,
    terms: place(wish.terms),
    placements: placements.map(({ kernel, node }) => [kernel, node] as const),
    startedAtMs,
    ...(leaving === undefined ? {} : { leaving }),
  }));
  return { shared, allocations };
}

function createShelf() {
  const shared: unknown[] = [];
  const places = new Map<unknown, number>();
  return {
    shared,
    place: (value: unknown): number => {
      const known = places.get(value);
      if (known !== undefined) return known;
      places.set(value, shared.length);
      return shared.push(value) - 1;
    },
  };
}

/** Takes a part into a state to which the parts before it were added; amounts are counted again. */
export function restore(state: SchedulerState, stored: unknown): SchedulerState {
  // It was written by this version: whoever reads it has compared that.
  const part = stored as Part;
  if ('nodes' in part) restoreNodes(state, part.nodes);
  else if ('queue' in part) restoreQueue(state, part);
  else if ('allocations' in part) restoreAllocations(state, part);
  else if ('fairUse' in part) restoreUse(state, part.fairUse);
  else if ('rules' in part) restoreRules(state, part.rules);
  else if ('arrived' in part) restoreArrivals(state, part);
  else if ('habits' in part) restoreHabits(state, part.habits);
  else restorePast(state, part.past);
  return state;
}

function restoreUse(state: SchedulerState, { group, slots, owners }: StoredUse): void {
  learn(state, Object.fromEntries(slots.map((name) => [name, '0'])));
  const places = state.book.names.map((name) => slots.indexOf(name));
  const placed = (amounts: Vector): Vector => places.map((place) => amounts[place] ?? 0);
  const all = state.fairUse.groups.get(group) ?? new Map<string, OwnerUse>();
  state.fairUse.groups.set(group, all);
  for (const [key, { held, sinceMs, days }] of owners) {
    const counted = days.map(({ day, slotSeconds }) => ({ day, slotSeconds: placed(slotSeconds) }));
    all.set(key, { held: placed(held), sinceMs, days: counted });
  }
}

function restoreNodes(state: SchedulerState, nodes: readonly NodeCapacity[]): void {
  for (const { slots } of nodes) learn(state, slots);
  for (const capacity of nodes) setNode(state, capacity);
}

function restoreQueue(
  state: SchedulerState,
  { shared, queue }: Extract<Part, { readonly queue: unknown }>,
): void {
  for (const slots of slotsOn(shared)) learn(state, slots);
  for (const { terms, said, ...one } of queue) {
    const [reason, atSeconds = 0] = said ?? [];
    enqueue(state, {
      ...one,
      terms: shared[terms] as Terms,
      ...(reason === undefined
        ? {}
        : { said: { reason: shared[reason] as Said['reason'], atSeconds } }),
    });
  }
}

function restoreAllocations(
  state: SchedulerState,
  { shared, allocations }: Extract<Part, { readonly allocations: unknown }>,
): void {
  for (const slots of slotsOn(shared)) learn(state, slots);
  for (const { terms, placements, ...one } of allocations) {
    const wish = wishOf(shared[terms] as Terms, state);
    const places = placements.map(([kernel, node]) => ({ kernel, node }));
    allocate(state, { ...one, wish, placements: places });
  }
}

function restoreRules(
  state: SchedulerState,
  { policies, limits, outcomes, turns, turn, newestMs }: Rules,
): void {
  for (const [group, policy] of policies) state.policies.set(group, policy);
  for (const [key, limit] of limits) state.limits.set(key, limit);
  state.firstExpiryMs = findFirstExpiryMs(state);
  for (const [session, outcome] of outcomes) {
    const one = state.dependedOn.get(session);
    if (one !== undefined) one.state = outcome;
  }
  for (const [name, each] of turns) {
    const node = state.nodes.get(name);
    if (node !== undefined) node.turn = each;
  }
  state.turn = turn;
  state.fairUse.newestMs = newestMs;
}

function restoreHabits({ experience }: SchedulerState, habits: readonly Habit[]): void {
  for (const habit of habits) experience.runs.learn(habit);
}

function restorePast({ experience }: SchedulerState, { open, cameOut }: StoredPast): void {
  for (const [session, one] of open) experience.reopen(session, one);
  for (const [group, predictions] of cameOut)
    for (const prediction of predictions) experience.cameOut(group, prediction);
}

function restoreArrivals(
  state: SchedulerState,
  { shared, arrived }: Extract<Part, { readonly arrived: unknown }>,
): void {
  for (const slots of slotsOn(shared)) learn(state, slots);
  for (const [atMs, terms] of arrived.some)
    state.experience.arrived(arrived.group, { atMs, wish: wishOf(shared[terms] as Terms, state) });
}

function slotsOn(shared: readonly unknown[]): readonly Slots[] {
  return shared.flatMap((value) => (value as Partial<Terms>).slots ?? []);
}

function learn(state: SchedulerState, slots: Slots): void {
  if (!state.book.knows(slots)) relearn(state, [slots]);
}

/** Counts everything again with names of slots that were not met before. */
export function relearn(state: SchedulerState, slots: readonly Slots[]): void {
  const parts = [...serialise(state)];
  const { book } = state;
  for (const each of slots) book.learn(each);
  Object.assign(state, { ...emptyState(), book });
  for (const part of parts) restore(state, part);
}
