import type { AuditRow } from '@orrery/projections';
import { z } from 'zod';
import { ENTITY_CHARACTERS_MAX, parseEntity } from '../../audit/entity.ts';
import { shownEvent } from '../../audit/shown-event.ts';
import { authoriseSignedIn, visibilityOf } from '../../auth/authorise.ts';
import { parseArguments } from '../arguments.ts';
import { pageArguments, shapeConnection } from '../connection.ts';
import type { GatewayContext } from '../context.ts';

const Arguments = z.strictObject({
  ...pageArguments,
  entity: z.string().max(ENTITY_CHARACTERS_MAX).optional(),
});

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
    events: row.events.map(shownEvent),
  };
}
