import type { Rejection, SessionCommand } from '@orrery/bus';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { readSessionAfter } from './after-commit.ts';
import { findOwnedSession, SESSION_NOT_FOUND } from './find-owned-session.ts';
import { refusedByKeypair } from './front-limits.ts';

const Arguments = z.strictObject({
  input: z.strictObject({ id: z.string(), priority: z.number() }),
});

/** Of a session that waits. */
export async function setSessionPriority(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(Arguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { id, priority } = parsed.value.input;
  if (!Number.isInteger(priority) || priority < 0 || priority > 100)
    return { rejection: PRIORITY_INVALID };
  const { gateway, traceparent, signal } = context;
  const { userId } = authoriseSignedIn(context.caller, 'Mutation.setSessionPriority');
  const row = await findOwnedSession(context, 'Mutation.setSessionPriority', id);
  if (row === undefined) return { rejection: SESSION_NOT_FOUND };
  const asked = { accessKey: row.accessKey ?? undefined, kernels: 1, priority };
  const refusal = await refusedByKeypair(gateway, asked);
  if (refusal !== undefined) return { rejection: refusal };
  const command: SessionCommand = { type: 'set-priority', priority };
  const { outcome } = await gateway.commands.request({
    aggregate: 'session',
    aggregateId: row.id,
    actor: { kind: 'user', id: userId },
    traceparent,
    command,
  });
  if (!outcome.ok) return { rejection: outcome.error };
  return { session: await readSessionAfter(gateway, { id: row.id, outcome }, signal) };
}

const PRIORITY_INVALID: Rejection = {
  code: 'priority-invalid',
  message: 'a priority is a whole number from 0 to 100',
  field: 'priority',
};
