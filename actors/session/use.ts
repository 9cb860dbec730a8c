import { err, ok, type SessionCommand, type SessionEvent } from '@orrery/bus';
import type { Decision } from '../runtime/aggregate.ts';
import type { SessionSnapshot } from './machine.ts';

/**
 * What is about to be done inside is written down, whether or not it then works out; who is refused does
 * nothing. A run that was just written down and is asked for again is the same run.
 */
export function noteUse(
  session: SessionSnapshot,
  { use, usedAtMs }: Extract<SessionCommand, { readonly type: 'note-use' }>,
): Decision<SessionEvent> {
  const { attempt, placements, lastRunId } = session.context;
  const wasPlaced = attempt > 1 || placements.length > 0;
  if (session.status === 'done' || !wasPlaced) {
    return err({
      code: 'session-not-running',
      message: 'the session does not run: nothing can be done inside it',
      field: 'sessionId',
    });
  }
  if ('runId' in use && use.runId === lastRunId) return ok({ events: [] });
  return ok({ events: [{ type: 'session-used', use, usedAtMs }] });
}
