import type { Rejection, SessionCommand } from '@orrery/bus';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { readSessionAfter } from './after-commit.ts';
import { findOwnedSession, SESSION_NOT_FOUND } from './find-owned-session.ts';

const Arguments = z.strictObject({
  input: z.strictObject({ id: z.string(), mode: z.enum(['GRACEFUL', 'FORCE']) }),
});

export async function terminateSession(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(Arguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { id, mode } = parsed.value.input;
  const { gateway, traceparent, signal } = context;
  const { userId } = authoriseSignedIn(context.caller, 'Mutation.terminateSession');
  const row = await findOwnedSession(context, 'Mutation.terminateSession', id);
  if (row === undefined) return refused(SESSION_NOT_FOUND);
  const command = terminationOf(mode);
  const actor = { kind: 'user', id: userId } as const;
  const { outcome } = await gateway.commands.request({
    aggregate: 'session',
    aggregateId: row.id,
    actor,
    traceparent,
    command,
  });
  if (!outcome.ok) return refused(outcome.error);
  return { session: await readSessionAfter(gateway, { id: row.id, outcome }, signal) };
}

/** What tells a session that a user wants its end. */
export function terminationOf(mode: 'GRACEFUL' | 'FORCE'): SessionCommand {
  return mode === 'FORCE'
    ? { type: 'terminate', mode: 'force', reason: 'force-terminated' }
    : { type: 'terminate', mode: 'graceful', reason: 'user-requested' };
}

function refused(rejection: Rejection): object {
  return { rejection };
}
