import { ok, type SessionCommand, type SessionEvent } from '@orrery/bus';
import type { Decision } from '../runtime/aggregate.ts';
import type { SessionSnapshot } from './machine.ts';

/**
 * What is about to be done inside is written down, whether or not it then works out. It is told before
 * it is done, so in a session that has no place, or is over, nothing can come of it.
 */
export function noteUse(
  session: SessionSnapshot,
  { use, usedAtMs }: Extract<SessionCommand, { readonly type: 'note-use' }>,
): Decision<SessionEvent> {
  const { attempt, placements } = session.context;
  const wasPlaced = attempt > 1 || placements.length > 0;
  if (session.status === 'done' || !wasPlaced) return ok({ events: [] });
  return ok({ events: [{ type: 'session-used', use, usedAtMs }] });
}
