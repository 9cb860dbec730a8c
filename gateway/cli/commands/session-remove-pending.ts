import type { TerminatedSessions } from '../../client/model.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';

export interface RemovePendingOptions {
  /** Also those of others, where the caller may end them. */
  readonly everyone?: boolean | undefined;
}

/** Ends all sessions that wait; prints how many. What fails is told, and the others go on. */
export async function removePendingSessions(
  { client: open, output, signal }: CommandContext,
  { everyone }: RemovePendingOptions,
): Promise<number> {
  const client = await open();
  const owner = everyone === true ? {} : { ownerId: (await client.viewer(signal)).id };
  const filter = { statuses: ['PENDING'], ...owner } as const;
  let ended = 0;
  const refused = new Map<string, TerminatedSessions['refused'][number]>();
  for (let hasMore = true; hasMore; ) {
    const answer = await client.terminateSessions({ filter, mode: 'GRACEFUL' }, signal);
    for (const one of answer.refused) refused.set(one.sessionId, one);
    // Nothing was ended: those that are left refuse it.
    hasMore = answer.hasMore && answer.sessionIds.length > 0;
    ended += answer.sessionIds.length;
  }
  for (const { sessionId, rejection } of refused.values())
    await output.note(`${sessionId}: ${rejection.message}`);
  const told = { ended, refused: [...refused.values()] };
  await output.element(told, () => `${ended} ended`);
  return refused.size === 0 ? exitCodes.ok : exitCodes.failed;
}
