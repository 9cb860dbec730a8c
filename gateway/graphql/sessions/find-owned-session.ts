import type { SessionRow } from '@orrery/projections';
import { z } from 'zod';
import { authoriseSignedIn, visibilityOf } from '../../auth/authorise.ts';
import type { Operation } from '../../auth/may.ts';
import { RequestFailed } from '../../errors.ts';
import type { GatewayContext } from '../context.ts';

const SessionId = z.uuid();

/**
 * The session, if there is one that the caller may do this to; somebody else's is as good as none.
 * @throws {RequestFailed} when the caller may do this to no session at all.
 */
export async function findOwnedSession(
  { gateway, caller }: GatewayContext,
  operation: Operation,
  id: string,
): Promise<SessionRow | undefined> {
  const viewer = authoriseSignedIn(caller, operation);
  if (!SessionId.safeParse(id).success) return undefined;
  return await gateway.projections.findSession(id.toLowerCase(), visibilityOf(viewer, operation));
}

/** @throws {RequestFailed} `SESSION_NOT_FOUND`, or as `findOwnedSession`. */
export async function getOwnedSession(
  context: GatewayContext,
  operation: Operation,
  id: string,
): Promise<SessionRow> {
  const row = await findOwnedSession(context, operation, id);
  if (row !== undefined) return row;
  throw new RequestFailed(
    'SESSION_NOT_FOUND',
    'There is no such session, or none that you may see.',
    {
      field: 'id',
    },
  );
}

export const SESSION_NOT_FOUND = {
  code: 'session-not-found',
  message: 'there is no such session, or none that you may see',
  field: 'id',
} as const;
