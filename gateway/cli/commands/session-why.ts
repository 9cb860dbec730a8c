import type { SessionWhy } from '../../client/model.ts';
import type { CommandContext } from '../context.ts';
import { NothingFound } from '../errors.ts';
import { lookUpSession } from '../session-lookup.ts';
import { cardLines } from '../table.ts';
import { wordAgo, wordSlots } from '../wording.ts';

/** Why a session waits, as the scheduler recorded it. */
export async function explainSession(
  context: CommandContext,
  reference: string,
): Promise<undefined> {
  const { io, output, signal } = context;
  const client = await context.client();
  const { id } = await lookUpSession(client, reference, signal);
  const why = await client.sessionWhy(id, signal);
  if (why === undefined) throw new NothingFound('session-not-found', `there is no session ${id}`);
  await output.result(why, () => linesOf(why, io.clock.nowMs()));
}

function linesOf(why: SessionWhy, nowMs: number): readonly string[] {
  const { agents, checks, missingSlots, place, queuedAt } = why;
  const counts =
    agents === null
      ? null
      : `${agents.inGroup} in the group, ${agents.schedulable} taking sessions, ` +
        `${agents.compatible} compatible, ${agents.largeEnough} large enough`;
  return cardLines([
    ['status', why.status],
    ['waits', why.isWaiting ? 'yes' : 'no'],
    ['since', queuedAt === null ? null : wordAgo(queuedAt, nowMs)],
    ['place', place === null ? null : String(place)],
    ['held by', why.code],
    ['because', why.message],
    ...checks
      .slice(1)
      .map(({ name, message }): [string, string] => ['also', `${name}: ${message}`]),
    ['lacks', missingSlots === null ? null : wordSlots(missingSlots)],
    ['agents', counts],
  ]);
}

/** Prints the id. JSON: the session. */
export async function setPriority(
  context: CommandContext,
  reference: string,
  priority: number,
): Promise<undefined> {
  const { output, signal } = context;
  const client = await context.client();
  const { id } = await lookUpSession(client, reference, signal);
  const session = await client.setSessionPriority({ id, priority }, signal);
  await output.result(session, () => [session.id]);
}
