import { z } from 'zod';
import { authoriseSignedIn, visibilityOf } from '../../auth/authorise.ts';
import { parseArguments } from '../arguments.ts';
import { pageArguments, shapeConnection } from '../connection.ts';
import type { GatewayContext } from '../context.ts';
import { SessionFilterInput, toSessionFilter } from './session-filter.ts';
import { shapeSession } from './session-shape.ts';

const fields = {
  CREATED_AT: 'created-at',
  NAME: 'name',
  STATUS: 'status',
  TERMINATED_AT: 'terminated-at',
} as const;
const directions = { ASC: 'ascending', DESC: 'descending' } as const;

const Arguments = z.strictObject({
  ...pageArguments,
  filter: SessionFilterInput.optional(),
  order: z
    .strictObject({
      field: z.enum(['CREATED_AT', 'NAME', 'STATUS', 'TERMINATED_AT']),
      direction: z.enum(['ASC', 'DESC']),
    })
    .optional(),
});

export async function sessions(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  const { filter, order, first, after } = parseArguments(Arguments, unparsed);
  const viewer = authoriseSignedIn(caller, 'Query.sessions');
  const page = await gateway.projections.listSessions({
    visibility: visibilityOf(viewer, 'Query.sessions'),
    filter: toSessionFilter(filter),
    order: order && { field: fields[order.field], direction: directions[order.direction] },
    first,
    after,
  });
  return shapeConnection(page, (row) => shapeSession(row));
}
