import type { Rejection } from '@orrery/bus';
import { z } from 'zod';
import { findMainKernel } from '../../inside/main-kernel.ts';
import { visitorOf } from '../../inside/note-use.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
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
  const found = await findMainKernel(context, 'Mutation.execInSession', id);
  if (!found.ok) return refused({ ...found.error, field: 'id' });
  const { kernel, node, session } = found.value;
  const request = { kind: 'exec', kernel, ...order } as const;
  const visitor = visitorOf(context, session);
  const { ticket, expiresAtMs } = context.gateway.tickets.issue({ node, request, visitor });
  return { ticket: { url: `/exec?ticket=${ticket}`, expiresAt: expiresAtMs } };
}

function refused(rejection: Rejection): object {
  return { rejection };
}
