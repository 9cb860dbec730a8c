import type { SchedulerEvent } from '@orrery/bus';
import type { Effect, Outgoing } from '../runtime/aggregate.ts';
import { placing } from './decide.ts';
import type { SchedulerState } from './state.ts';

/** Effects that an event names. */
export function effectsOf(event: SchedulerEvent): readonly Effect[] {
  return event.type === 'session-placed' ? [placing(event.session, event.attempt)] : [];
}

export function messages(effect: Effect, state: SchedulerState): readonly Outgoing[] {
  const { session, attempt } = effect.params as {
    readonly session: string;
    readonly attempt: number;
  };
  const allocation = state.allocations.get(session);
  if (allocation === undefined || allocation.attempt !== attempt) return [];
  const { placements } = allocation;
  return [
    {
      to: 'actor',
      aggregate: 'session',
      id: session,
      command: { type: 'place', attempt, placements } as { readonly type: string },
    },
  ];
}
