import { PortNumber } from '@orrery/bus';
import { z } from 'zod';
import { findMainKernel } from '../../inside/main-kernel.ts';
import { noteUse, visitorOf } from '../../inside/note-use.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';

const Arguments = z.strictObject({
  input: z.strictObject({ sessionId: z.string(), port: PortNumber }),
});

export async function forwardPort(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(Arguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { sessionId, port } = parsed.value.input;
  const found = await findMainKernel(context, 'Mutation.forwardPort', sessionId);
  if (!found.ok) return { rejection: found.error };
  const visitor = visitorOf(context, found.value.session);
  await noteUse(context.gateway, visitor, { kind: 'port', port });
  const { session, userId } = visitor;
  const pass = context.gateway.tokens().ports.issue({ userId, session, port });
  const expiresAt = pass.expiresAtMs;
  return { ticket: { url: `/port?token=${pass.token}`, expiresAt } };
}
