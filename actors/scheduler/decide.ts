import {
  ok,
  type QueuedSession,
  type SchedulerCommand,
  type SchedulerEvent,
  unreachable,
} from '@orrery/bus';
import type { Decision, Effect } from '../runtime/aggregate.ts';
import { DEFAULT_POLICY, schedule } from './schedule.ts';
import { fold, type SchedulerState, type Waiting } from './state.ts';

/**
 * Folds what it decides into `state` as it goes, since the plan must see it; the host drops the state
 * when the commit is refused.
 */
export function decide(state: SchedulerState, command: SchedulerCommand): Decision<SchedulerEvent> {
  switch (command.type) {
    case 'queue':
      return queue(state, command.queued);
    case 'release':
      return release(state, command);
    case 'update-node': {
      const { capacity } = command;
      const known = state.nodes.get(capacity.node);
      if (known === undefined) return decided(state, [{ type: 'node-joined', capacity }], 'all');
      if (JSON.stringify(known.capacity) === JSON.stringify(capacity)) return ok({ events: [] });
      return decided(state, [{ type: 'node-capacity-changed', capacity }], 'all');
    }
    default:
      return unreachable(command);
  }
}

function queue(state: SchedulerState, queued: QueuedSession): Decision<SchedulerEvent> {
  const { session, attempt } = queued;
  const allocation = state.allocations.get(session);
  const waiting = state.queue.get(session);
  if (allocation !== undefined && allocation.attempt >= attempt) {
    return ok({ events: [], effects: [placing(session, allocation.attempt)] });
  }
  if (waiting !== undefined && waiting.queued.attempt >= attempt) return ok({ events: [] });
  const events: SchedulerEvent[] = [];
  if (allocation !== undefined) events.push({ type: 'allocation-released', session });
  if (waiting !== undefined) events.push({ type: 'session-dequeued', session });
  events.push({ type: 'session-queued', queued });
  return decided(state, events, allocation === undefined ? session : 'all');
}

function release(
  state: SchedulerState,
  { session, attempt }: Extract<SchedulerCommand, { readonly type: 'release' }>,
): Decision<SchedulerEvent> {
  const allocation = state.allocations.get(session);
  const waiting = state.queue.get(session);
  const events: SchedulerEvent[] = [];
  if (allocation !== undefined && allocation.attempt <= attempt) {
    events.push({ type: 'allocation-released', session });
  }
  if (waiting !== undefined && waiting.queued.attempt <= attempt) {
    events.push({ type: 'session-dequeued', session });
  }
  if (events.length === 0) return ok({ events: [] });
  return decided(state, events, 'all');
}

/** The events, and the pass that they make necessary: over one session that came, or over all. */
function decided(
  state: SchedulerState,
  events: readonly SchedulerEvent[],
  touched: 'all' | QueuedSession['session'],
): Decision<SchedulerEvent> {
  for (const event of events) fold(state, event);
  const { placed, held } = schedule(state, waitingOf(state, touched), DEFAULT_POLICY);
  const followUps: readonly SchedulerEvent[] = [
    ...placed.map(({ queued, placements }) => ({
      type: 'session-placed' as const,
      session: queued.session,
      attempt: queued.attempt,
      placements: [...placements],
    })),
    ...held.map(({ session, reason }) => ({ type: 'session-held' as const, session, reason })),
  ];
  for (const event of followUps) fold(state, event);
  return ok({ events: [...events, ...followUps] });
}

function waitingOf(state: SchedulerState, touched: string): Iterable<Waiting> {
  if (touched === 'all') return state.queue.values();
  const waiting = state.queue.get(touched);
  return waiting === undefined ? [] : [waiting];
}

export function placing(session: string, attempt: number): Effect {
  return { type: 'tellPlacement', params: { session, attempt } };
}
