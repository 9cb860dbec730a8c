import type { Amounts, HoldReason, NodeCapacity, QueuedSession, SchedulerEvent } from '@orrery/bus';
import { toAmounts, unreachable } from '@orrery/bus';

/** A node as the scheduler counts it. */
export interface SchedulerNode {
  capacity: NodeCapacity;
  /** What is given to sessions, in thousandths by slot. */
  readonly occupied: Record<string, bigint>;
}

export interface Waiting {
  readonly queued: QueuedSession;
  reason: HoldReason | undefined;
}

export interface Allocation {
  readonly attempt: number;
  readonly placements: Extract<SchedulerEvent, { readonly type: 'session-placed' }>['placements'];
}

/**
 * Everything known by the only writer of allocations. Folded in place: copying a queue of 100,000 for
 * every event would be the end of it. Maps keep the order of arrival.
 */
export interface SchedulerState {
  readonly nodes: Map<string, SchedulerNode>;
  readonly queue: Map<string, Waiting>;
  readonly allocations: Map<string, Allocation>;
}

export function emptyState(): SchedulerState {
  return { nodes: new Map(), queue: new Map(), allocations: new Map() };
}

/** What a node has left; below zero when it shrank under its allocations. */
export function freeAmounts({ capacity, occupied }: SchedulerNode): Amounts {
  const total = toAmounts(capacity.slots);
  const names = new Set([...Object.keys(total), ...Object.keys(occupied)]);
  return Object.fromEntries(
    [...names].map((name) => [name, (total[name] ?? 0n) - (occupied[name] ?? 0n)]),
  );
}

export function fold(state: SchedulerState, event: SchedulerEvent): void {
  switch (event.type) {
    case 'session-queued':
      state.queue.set(event.queued.session, { queued: event.queued, reason: undefined });
      return;
    case 'session-placed':
      state.queue.delete(event.session);
      state.allocations.set(event.session, {
        attempt: event.attempt,
        placements: event.placements,
      });
      count(state, event.placements, 1n);
      return;
    case 'session-held': {
      const waiting = state.queue.get(event.session);
      if (waiting !== undefined) waiting.reason = event.reason;
      return;
    }
    case 'session-dequeued':
      state.queue.delete(event.session);
      return;
    case 'allocation-released': {
      const allocation = state.allocations.get(event.session);
      if (allocation === undefined) return;
      state.allocations.delete(event.session);
      count(state, allocation.placements, -1n);
      return;
    }
    case 'node-joined':
    case 'node-capacity-changed': {
      const { capacity } = event;
      const node = state.nodes.get(capacity.node);
      if (node === undefined) state.nodes.set(capacity.node, { capacity, occupied: {} });
      else node.capacity = capacity;
      return;
    }
    default:
      unreachable(event);
  }
}

function count(state: SchedulerState, placements: Allocation['placements'], sign: bigint): void {
  for (const { node, slots } of placements) {
    const occupied = state.nodes.get(node)?.occupied;
    if (occupied === undefined) continue;
    for (const [name, amount] of Object.entries(toAmounts(slots))) {
      occupied[name] = (occupied[name] ?? 0n) + sign * amount;
    }
  }
}

/** A JSON form of the state; amounts are counted again from the allocations. */
export function serialise(state: SchedulerState): unknown {
  return {
    nodes: [...state.nodes.values()].map(({ capacity }) => capacity),
    queue: [...state.queue.values()],
    allocations: [...state.allocations.entries()],
  };
}

export function deserialise(stored: unknown): SchedulerState {
  const { nodes, queue, allocations } = stored as {
    readonly nodes: readonly NodeCapacity[];
    readonly queue: readonly Waiting[];
    readonly allocations: readonly (readonly [string, Allocation])[];
  };
  const state = emptyState();
  for (const capacity of nodes) state.nodes.set(capacity.node, { capacity, occupied: {} });
  for (const waiting of queue) state.queue.set(waiting.queued.session, { ...waiting });
  for (const [session, allocation] of allocations) {
    state.allocations.set(session, allocation);
    count(state, allocation.placements, 1n);
  }
  return state;
}
