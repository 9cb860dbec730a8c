import type { NodeEvent, NodeFacts } from '@orrery/bus';
import { assign, setup } from 'xstate';
import type { StateOf } from '../runtime/compiled-machine.ts';

export interface NodeContext {
  readonly node?: string;
  readonly facts?: NodeFacts;
  readonly isSchedulable: boolean;
  readonly drain?: Drain | undefined;
}

/** Its sessions have to go by a moment. */
export interface Drain {
  readonly deadlineAtMs: number | null;
  readonly mode: 'terminate' | 'reschedule';
  readonly isDue: boolean;
}

/** How long a node may be quiet before the scheduler is told its capacity once more. */
const RECONCILE_MS = 10 * 60 * 1000;

/** A compute node: known from its agent's first registration, alive while heartbeats come. */
export const nodeMachine = setup({
  types: {
    context: {} as NodeContext,
    events: {} as NodeEvent,
    meta: {} as { readonly reconcileMs: number; readonly deadlineMs?: number },
  },
  actions: {
    remember: assign(({ context, event }) => remembered(context, event)),
    tellScheduler: () => {},
    evict: () => {},
    tellLost: () => {},
    tellReturned: () => {},
  },
}).createMachine({
  id: 'node',
  context: { isSchedulable: true },
  initial: 'absent',
  states: {
    absent: {
      on: { 'node-registered': { target: 'alive', actions: ['remember', 'tellScheduler'] } },
    },
    alive: {
      meta: { reconcileMs: RECONCILE_MS },
      on: {
        'node-facts-changed': { actions: ['remember', 'tellScheduler'] },
        'node-schedulable-set': { actions: ['remember', 'tellScheduler'] },
        'node-drain-begun': { actions: ['remember', 'tellScheduler'] },
        'node-drain-due': { actions: ['remember', 'evict'] },
        'node-lost': { target: 'lost', actions: ['tellScheduler', 'tellLost'] },
        'node-terminated': { target: 'terminated', actions: ['tellScheduler', 'tellLost'] },
      },
    },
    lost: {
      meta: { reconcileMs: RECONCILE_MS },
      on: {
        'node-returned': { target: 'alive', actions: ['tellScheduler', 'tellReturned'] },
        'node-schedulable-set': { actions: 'remember' },
        'node-drain-begun': { actions: 'remember' },
        'node-drain-due': { actions: ['remember', 'evict'] },
        'node-terminated': { target: 'terminated', actions: 'tellScheduler' },
      },
    },
    /** Its agent left on purpose. It may come back, so this is a state to rest in, not an end. */
    terminated: {
      on: { 'node-returned': { target: 'alive', actions: ['tellScheduler', 'tellReturned'] } },
    },
  },
});

export type NodeSnapshot = StateOf<typeof nodeMachine>;

/** When those who are left on a drained node have to go. */
export function deadlineAtMs({ context: { drain } }: NodeSnapshot): number | undefined {
  return drain === undefined || drain.isDue ? undefined : (drain.deadlineAtMs ?? undefined);
}

function remembered(context: NodeContext, event: NodeEvent): Partial<NodeContext> {
  switch (event.type) {
    case 'node-registered':
      return { node: event.node, facts: event.facts };
    case 'node-facts-changed':
      return { facts: event.facts };
    case 'node-schedulable-set':
      return event.isSchedulable
        ? { isSchedulable: true, drain: undefined }
        : { isSchedulable: false };
    case 'node-drain-begun': {
      const { mode, deadlineAtMs } = event;
      return { isSchedulable: false, drain: { deadlineAtMs, mode, isDue: false } };
    }
    case 'node-drain-due':
      return { drain: context.drain && { ...context.drain, isDue: true } };
    default:
      return {};
  }
}
