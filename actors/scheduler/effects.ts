import type { SchedulerEvent, SessionCommand } from '@orrery/bus';
import type { Effect, Outgoing } from '../runtime/aggregate.ts';
import { networkOf } from './cluster-network.ts';
import { askingForOutcomes, placing } from './decide.ts';
import type { askedNow } from './overlong.ts';
import type { SchedulerState } from './state.ts';

type EventOf<Type extends SchedulerEvent['type']> = Extract<
  SchedulerEvent,
  { readonly type: Type }
>;

/** Reference: reason of the end by `max_session_lifetime`. */
const EXPIRED = 'idle-session-lifetime';

/** Effects that an event names. */
export function effectsOf(event: SchedulerEvent): readonly Effect[] {
  switch (event.type) {
    case 'session-placed':
      return [placing(event.session, event.attempt)];
    case 'session-queued':
      return askingForOutcomes((event.queued.dependencies ?? []).map(({ session }) => session));
    case 'session-given-up':
      return [{ type: 'tellGivenUp', params: event }];
    case 'session-preempted':
      return [{ type: 'tellPreempted', params: event }];
    case 'session-expired':
      return [{ type: 'tellExpired', params: event }];
    default:
      return [];
  }
}

export function messages(effect: Effect, state: SchedulerState): readonly Outgoing[] {
  switch (effect.type) {
    case 'tellPlacement':
      return tellPlacement(effect.params as { session: string; attempt: number }, state);
    case 'askForOutcomes': {
      const { sessions } = effect.params as { readonly sessions: readonly string[] };
      // Who waits or runs tells it when it ends.
      const isOpen = (session: string): boolean =>
        state.dependedOn.get(session)?.state === 'waited-for' &&
        !state.queue.has(session) &&
        !state.allocations.has(session);
      return sessions.filter(isOpen).map((session) => toSession(session, { type: 'tell-outcome' }));
    }
    case 'askWhetherOver': {
      const { asked } = effect.params as { readonly asked: ReturnType<typeof askedNow> };
      return asked.map(({ session, attempt }) =>
        toSession(session, { type: 'tell-outcome', attempt }),
      );
    }
    case 'tellGivenUp': {
      const { session, reason } = effect.params as EventOf<'session-given-up'>;
      return [toSession(session, { type: 'terminate', mode: 'force', reason })];
    }
    case 'tellNodeChange':
      return tellNodeChange(effect.params as Pick<NodeChange, 'node' | 'change'>, state);
    case 'tellExpired': {
      const { session } = effect.params as EventOf<'session-expired'>;
      return [toSession(session, { type: 'terminate', mode: 'graceful', reason: EXPIRED })];
    }
    case 'tellPreempted':
      return [tellPreempted(effect.params as EventOf<'session-preempted'>)];
    default:
      throw new Error(`the scheduler names an effect that nobody carries out: ${effect.type}`);
  }
}

function tellPlacement(
  { session, attempt }: { readonly session: string; readonly attempt: number },
  state: SchedulerState,
): readonly Outgoing[] {
  const allocation = state.allocations.get(session);
  if (allocation === undefined || allocation.attempt !== attempt) return [];
  const placements = allocation.placements.map(({ kernel, node, slots }) => ({
    kernel,
    node,
    slots,
  }));
  const network = networkOf(allocation, state);
  const place = { type: 'place', attempt, placements } as const;
  return [toSession(session, network === undefined ? place : { ...place, network })];
}

type NodeChange = Extract<SessionCommand, { readonly type: 'look-after-node' }>;

/** All who have a place there. */
function tellNodeChange(
  { node, change }: Pick<NodeChange, 'node' | 'change'>,
  { allocations }: SchedulerState,
): readonly Outgoing[] {
  return [...allocations.values()]
    .filter(({ placements }) => placements.some((place) => place.node === node))
    .map(({ session, attempt }) =>
      toSession(session, { type: 'look-after-node', attempt, node, change }),
    );
}

function tellPreempted({
  session,
  attempt,
  mode,
  reason,
  inFavourOf,
}: EventOf<'session-preempted'>): Outgoing {
  if (mode === 'terminate')
    return toSession(session, { type: 'terminate', mode: 'graceful', reason });
  const message =
    reason === 'preempted'
      ? `It made room for session ${inFavourOf}.`
      : 'The node it ran on is drained.';
  return toSession(session, { type: 'requeue', attempt, reason, message });
}

function toSession(id: string, command: SessionCommand): Outgoing {
  return { to: 'actor', aggregate: 'session', id, command };
}
