import type { Rejection } from '@orrery/bus';
import { z } from 'zod';
import { visitorOf } from '../../inside/note-use.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { findOwnedSession, SESSION_NOT_FOUND } from './find-owned-session.ts';
import { COMMAND_BYTES_MAX, COMMAND_WORDS_MAX } from './session-request.ts';

const Arguments = z.strictObject({
  id: z.string(),
  command: z
    .array(z.string().regex(/^[^\0]*$/, 'no NUL'))
    .min(1)
    .max(COMMAND_WORDS_MAX)
    .refine(([program]) => program !== '', 'the program has a name')
    .refine(
      (words) => words.reduce((sum, word) => sum + Buffer.byteLength(word), 0) <= COMMAND_BYTES_MAX,
      `at most ${COMMAND_BYTES_MAX} bytes`,
    ),
  hasTerminal: z.boolean(),
  columns: z.int().min(1).max(1_000).optional(),
  rows: z.int().min(1).max(1_000).optional(),
});

export async function execInSession(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(Arguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { id, ...order } = parsed.value;
  const { gateway } = context;
  const row = await findOwnedSession(context, 'Mutation.execInSession', id);
  if (row === undefined) return refused(SESSION_NOT_FOUND);
  const kernels = await gateway.projections.kernelsOfSessions([row.id]);
  const main = kernels.find(({ role }) => role === 'main');
  if (row.status !== 'RUNNING' || main?.status !== 'RUNNING' || main.agentId === null) {
    return refused({
      code: 'session-not-running',
      message: `the session is ${row.status}; a command runs only in a RUNNING one`,
      field: 'id',
    });
  }
  const request = { kind: 'exec', kernel: main.id, ...order } as const;
  const { ticket, expiresAtMs } = gateway.tickets.issue({
    node: main.agentId,
    request,
    visitor: visitorOf(context, row.id),
  });
  return { ticket: { url: `/exec?ticket=${ticket}`, expiresAt: expiresAtMs } };
}

function refused(rejection: Rejection): object {
  return { rejection };
}
