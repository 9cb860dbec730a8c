import { AggregateId, AggregateName } from '@orrery/bus';
import type { AuditRow } from '@orrery/projections';
import { z } from 'zod';
import { authoriseSignedIn, visibilityOf } from '../../auth/authorise.ts';
import { RequestFailed } from '../../errors.ts';
import { parseArguments } from '../arguments.ts';
import { pageArguments, shapeConnection } from '../connection.ts';
import type { GatewayContext } from '../context.ts';

const Arguments = z.strictObject({ ...pageArguments, entity: z.string().max(256).optional() });

export async function auditLog(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  const { entity, first, after } = parseArguments(Arguments, unparsed);
  const viewer = authoriseSignedIn(caller, 'Query.auditLog');
  const page = await gateway.projections.auditEntries({
    visibility: visibilityOf(viewer, 'Query.auditLog'),
    ...parseEntity(entity),
    first,
    after,
  });
  return shapeConnection(page, shapeEntry);
}

/** `session` for all of them, `session:<id>` for one. */
function parseEntity(entity: string | undefined): {
  readonly aggregate?: string;
  readonly aggregateId?: string;
} {
  if (entity === undefined) return {};
  const at = entity.indexOf(':');
  const aggregate = AggregateName.safeParse(at < 0 ? entity : entity.slice(0, at));
  const aggregateId = at < 0 ? undefined : AggregateId.safeParse(entity.slice(at + 1));
  if (aggregate.success && aggregateId === undefined) return { aggregate: aggregate.data };
  if (aggregate.success && aggregateId?.success === true)
    return { aggregate: aggregate.data, aggregateId: aggregateId.data };
  throw new RequestFailed(
    'INPUT_INVALID',
    'An entity is written session:<id>, or image, node, user, keypair or scheduler in its place.',
    { field: 'entity' },
  );
}

function shapeEntry(row: AuditRow): object {
  return {
    id: row.commitId,
    sequence: row.sequence,
    entity: row.aggregate,
    entityId: row.aggregateId,
    firstRevision: row.firstRevision,
    recordedAt: row.recordedAtMs,
    actor: `${row.actorKind}:${row.actorId}`,
    commandId: row.commandId,
    commandType: row.commandType,
    traceId: row.traceparent?.split('-')[1] ?? null,
    hash: row.hash,
    previousHash: row.previousHash,
    events: row.events,
  };
}
