import type { Hold } from './planning/model.ts';
import type { SchedulerNode } from './scheduler-node.ts';
import type { Wish } from './wish.ts';

/** Arrivals that are listed one by one; more are gone through as a whole. */
const ARRIVALS_MAX = 1000;

/** A resource group, with what is known of its last pass: that is not part of the log, and is found again. */
export interface GroupState {
  readonly name: string;
  readonly nodes: Map<string, SchedulerNode>;
  /** Sessions in its queue by priority. */
  readonly waiting: Map<number, number>;
  /** Of those, for how many room is being made. */
  promised: number;
  /** What the next pass looks at: everyone who waits, or those who came. */
  touched: 'all' | Set<string>;
  /** When time alone may change the answer; undefined: nobody knows. */
  lookAgainAtMs: number | undefined;
  /** Why no further session of a wish was placed: room only shrinks until all are looked at again. */
  readonly refused: Map<Wish, Hold>;
}

export function createGroup(name: string): GroupState {
  return {
    name,
    nodes: new Map(),
    waiting: new Map(),
    promised: 0,
    touched: 'all',
    lookAgainAtMs: undefined,
    refused: new Map(),
  };
}

export function touchAll(group: GroupState): void {
  group.touched = 'all';
}

export function touchArrival(group: GroupState, session: string): void {
  if (group.touched === 'all') return;
  if (group.touched.size >= ARRIVALS_MAX) group.touched = 'all';
  else group.touched.add(session);
}

export function countWaiting(group: GroupState, priority: number, change: 1 | -1): void {
  const count = (group.waiting.get(priority) ?? 0) + change;
  if (count === 0) group.waiting.delete(priority);
  else group.waiting.set(priority, count);
}

export function isAnyoneWaiting(group: GroupState): boolean {
  return group.waiting.size > 0;
}
