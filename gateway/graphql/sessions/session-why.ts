import { z } from 'zod';
import { parseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { findOwnedSession } from './find-owned-session.ts';

const Arguments = z.strictObject({ id: z.string() });

export async function sessionWhy(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object | null> {
  const { id } = parseArguments(Arguments, unparsed);
  const row = await findOwnedSession(context, 'Query.sessionWhy', id);
  if (row === undefined) return null;
  const waiting = await context.gateway.projections.findWaiting(row.id);
  const { checks = [], agents = null, place = null } = waiting?.reasonDetails ?? {};
  return {
    sessionId: row.id,
    status: row.status,
    isWaiting: waiting !== undefined,
    code: waiting?.reasonCode ?? row.statusInfo,
    message: waiting?.reasonMessage ?? row.statusMessage,
    checks,
    missingSlots: waiting?.missingSlots ?? null,
    agents,
    place,
    queuedAt: waiting?.queuedAtMs ?? null,
    attempt: waiting?.attempt ?? null,
  };
}
