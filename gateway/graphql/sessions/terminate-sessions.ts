import type { Rejection } from '@orrery/bus';
import type { SessionOwner } from '@orrery/projections';
import { z } from 'zod';
import { authorise, authoriseSignedIn, visibilityOf } from '../../auth/authorise.ts';
import { waitingForRoom } from '../../commands/waiting-for-room.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { SESSION_NOT_FOUND } from './find-owned-session.ts';
import { SessionFilterInput, toSessionFilter } from './session-filter.ts';
import { terminationOf } from './terminate-session.ts';

/** Sessions of one call; whoever wants to end more asks again while there are more. */
export const TERMINATED_AT_ONCE_MAX = 10_000;
/** Ids that one call may name. */
const IDS_MAX = 1_000;
/**
 * Commands of one call that wait for their outcomes at the same time: as many as the scheduler takes together. More would
 * only wait longer, and what waits too long is put into the inbox besides.
 */
const UNDER_WAY_MAX = 256;

const OPERATION = 'Mutation.terminateSessions';

const Arguments = z.strictObject({
  input: z.strictObject({
    ids: z.array(z.string()).max(IDS_MAX, `at most ${IDS_MAX} sessions can be named`).optional(),
    filter: SessionFilterInput.optional(),
    mode: z.enum(['GRACEFUL', 'FORCE']),
  }),
});

/** Ends many sessions, each by a command of its own: what one refuses harms no other. */
export async function terminateSessions(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(Arguments, unparsed);
  const { userId } = authoriseSignedIn(context.caller, OPERATION);
  if (!parsed.ok) return nothing(parsed.error);
  const { ids, filter, mode } = parsed.value.input;
  if ((ids === undefined) === (filter === undefined)) return nothing(EITHER);
  const chosen =
    ids === undefined ? await takenBy(context, filter) : await named(context, [...new Set(ids)]);
  const told: string[] = [];
  const refused = chosen.unknown.map((id) => ({ sessionId: id, rejection: SESSION_NOT_FOUND }));
  const rejections: { sessionId: string; rejection: Rejection }[] = [...refused];
  const { gateway, traceparent, signal } = context;
  const commands = waitingForRoom(gateway.commands, gateway.clock, signal);
  const actor = { kind: 'user', id: userId } as const;
  const common = {
    aggregate: 'session',
    actor,
    traceparent,
    command: terminationOf(mode),
  } as const;
  let newest = 0;
  const tell = async (id: string): Promise<void> => {
    const { outcome } = await commands.request({ ...common, aggregateId: id });
    if (outcome.ok) {
      told.push(id);
      newest = Math.max(newest, outcome.sequence);
    } else rejections.push({ sessionId: id, rejection: outcome.error });
  };
  const rest = chosen.ids.values();
  const lanes = Array.from({ length: Math.min(UNDER_WAY_MAX, chosen.ids.length) }, async () => {
    for (const id of rest) await tell(id);
  });
  try {
    await Promise.all(lanes);
  } finally {
    gateway.ownWrites.note(userId, newest);
  }
  return { sessionIds: told, refused: rejections, hasMore: chosen.hasMore };
}

interface Chosen {
  readonly ids: readonly string[];
  /** Named, but not there, or not for the caller to end. */
  readonly unknown: readonly string[];
  readonly hasMore: boolean;
}

async function takenBy(
  context: GatewayContext,
  input: SessionFilterInput | undefined,
): Promise<Chosen> {
  const { gateway, caller } = context;
  const visibility = visibilityOf(authoriseSignedIn(caller, OPERATION), OPERATION);
  const filter = { ...toSessionFilter(input), isLive: true };
  const limit = TERMINATED_AT_ONCE_MAX + 1;
  const rows = await gateway.projections.ownersOfSessions({ visibility, filter, limit });
  const ids = mayBeEnded(context, rows.slice(0, TERMINATED_AT_ONCE_MAX));
  return { ids, unknown: [], hasMore: rows.length > TERMINATED_AT_ONCE_MAX };
}

async function named(context: GatewayContext, references: readonly string[]): Promise<Chosen> {
  const { gateway, caller } = context;
  const visibility = visibilityOf(authoriseSignedIn(caller, OPERATION), OPERATION);
  const uuids = references.filter((id) => z.uuid().safeParse(id).success);
  const rows = await gateway.projections.sessionsByIds(
    uuids.map((id) => id.toLowerCase()),
    visibility,
  );
  const ids = mayBeEnded(context, rows);
  const known = new Set(ids);
  return { ids, unknown: references.filter((id) => !known.has(id.toLowerCase())), hasMore: false };
}

/** @throws {RequestFailed} `FORBIDDEN` for one that the caller sees and may not end. */
function mayBeEnded({ caller }: GatewayContext, rows: readonly SessionOwner[]): readonly string[] {
  const viewer = authoriseSignedIn(caller, OPERATION);
  const isEveryones = visibilityOf(viewer, OPERATION).kind === 'all';
  return rows.map(({ id, ownerUserId, domain, projectId }) => {
    if (isEveryones) authorise(caller, OPERATION, { ownerUserId, domain, projectId });
    return id;
  });
}

function nothing(rejection: Rejection): object {
  return { sessionIds: [], refused: [], hasMore: false, rejection };
}

const EITHER: Rejection = {
  code: 'input-invalid',
  message: 'give either ids or a filter, and not both',
  field: 'ids',
};
