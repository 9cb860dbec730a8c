import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { parseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { findOwnedSession } from './find-owned-session.ts';
import { askForForecast, shapeForecast } from './start-forecast.ts';

const Arguments = z.strictObject({ id: z.string() });

export async function sessionWhy(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object | null> {
  const { id } = parseArguments(Arguments, unparsed);
  const { userId } = authoriseSignedIn(context.caller, 'Query.sessionWhy');
  const row = await findOwnedSession(context, 'Query.sessionWhy', id);
  if (row === undefined) return null;
  const { projections } = context.gateway;
  let waiting = await projections.findWaiting(row.id);
  if (waiting !== undefined) {
    await askForForecast(context, { session: row.id, userId });
    waiting = await projections.findWaiting(row.id);
  }
  const { checks = [], agents = null, place = null, forecast } = waiting?.reasonDetails ?? {};
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
    forecast: forecast === undefined ? null : shapeForecast(forecast),
  };
}
