import type { Amounts, HoldReason, NodeCapacity, QueuedSession, SchedulerEvent } from '@orrery/bus';
import { toAmounts, unreachable } from '@orrery/bus';

/** A node as the scheduler counts it. */
export interface SchedulerNode {
  capacity: NodeCapacity;
  /** What it has, and what of it is given to sessions, in thousandths by slot. */
  total: Amounts;
  readonly occupied: Record<string, bigint>;
  /** What is left; replaced whenever one of both changes, never changed itself. */
  free: Amounts;
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

function nodeOf(capacity: NodeCapacity): SchedulerNode {
  const total = toAmounts(capacity.slots);
  return { capacity, total, occupied: {}, free: total };
}

/** Below zero when the node shrank under its allocations. */
function countFree(node: SchedulerNode): void {
  const free: Record<string, bigint> = { ...node.total };
  for (const [name, amount] of Object.entries(node.occupied))
    free[name] = (free[name] ?? 0n) - amount;
  node.free = free;
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
      if (node === undefined) {
        state.nodes.set(capacity.node, nodeOf(capacity));
        return;
      }
      node.capacity = capacity;
      node.total = toAmounts(capacity.slots);
      countFree(node);
      return;
    }
    default:
      unreachable(event);
  }
}

function count(state: SchedulerState, placements: Allocation['placements'], sign: bigint): void {
  for (const { node: name, slots } of placements) {
    const node = state.nodes.get(name);
    if (node === undefined) continue;
    const { occupied } = node;
    for (const [slot, amount] of Object.entries(toAmounts(slots)))
      occupied[slot] = (occupied[slot] ?? 0n) + sign * amount;
    countFree(node);
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
  for (const capacity of nodes) state.nodes.set(capacity.node, nodeOf(capacity));
  for (const waiting of queue) state.queue.set(waiting.queued.session, { ...waiting });
  for (const [session, allocation] of allocations) {
    state.allocations.set(session, allocation);
    count(state, allocation.placements, 1n);
  }
  return state;
}
