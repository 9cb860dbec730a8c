import { err, ok, type SessionCommand, type SessionEvent } from '@orrery/bus';
import type { Circumstances, Decision, Effect } from '../runtime/aggregate.ts';
import type { SessionSnapshot } from './machine.ts';
import { type Conclude, withoutNetwork } from './network.ts';

/** Where its kernels go, and how they reach each other there. */
export function place(
  session: SessionSnapshot,
  command: Extract<SessionCommand, { readonly type: 'place' }>,
  { revision, conclude }: Pick<Circumstances, 'revision'> & { readonly conclude: Conclude },
): Decision<SessionEvent> {
  if (session.status === 'done') return ok({ events: [], effects: [freeing(command.attempt)] });
  if (!session.matches('pending') || command.attempt !== session.context.attempt)
    return ok({ events: [] });
  const { attempt, placements, network } = command;
  const placed = new Set(placements.map(({ kernel }) => kernel));
  if (!Object.keys(session.context.kernels).every((kernel) => placed.has(kernel))) {
    return err({
      code: 'placement-incomplete',
      message: 'every kernel of the session has a place, or none',
      field: 'placements',
    });
  }
  const events: SessionEvent[] = [
    {
      type: 'session-scheduled',
      attempt,
      placements,
      ...(network === undefined ? {} : { network }),
      wishesFrom: revision + 1,
    },
    ...placements.map(({ kernel, node, slots }) => ({
      type: 'kernel-scheduled' as const,
      kernel,
      node,
      slots,
    })),
    ...placements.map(({ kernel }) => ({ type: 'kernel-preparing' as const, kernel })),
    { type: 'session-preparing' },
  ];
  if (network?.driver !== 'impossible') return ok({ events });
  return conclude([events, withoutNetwork(session, network)]);
}

/** A place that came too late for the session is free again. */
function freeing(attempt: number): Effect {
  return { type: 'freeAllocation', params: { attempt } };
}
