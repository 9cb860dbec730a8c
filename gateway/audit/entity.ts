import { AggregateId, AggregateName } from '@orrery/bus';
import { RequestFailed } from '../errors.ts';

/** Text of an entity: an aggregate and its id. */
export const ENTITY_CHARACTERS_MAX = 256;

export interface Entity {
  readonly aggregate?: AggregateName;
  readonly aggregateId?: string;
}

/** `session` for all of them, `session:<id>` for one. @throws {RequestFailed} `INPUT_INVALID` */
export function parseEntity(entity: string | undefined): Entity {
  if (entity === undefined) return {};
  const at = entity.indexOf(':');
  const aggregate = AggregateName.safeParse(at < 0 ? entity : entity.slice(0, at));
  const aggregateId = at < 0 ? undefined : AggregateId.safeParse(entity.slice(at + 1));
  if (aggregate.success && aggregateId === undefined) return { aggregate: aggregate.data };
  if (aggregate.success && aggregateId?.success === true)
    return { aggregate: aggregate.data, aggregateId: aggregateId.data };
  throw new RequestFailed(
    'INPUT_INVALID',
    'An entity is written session:<id>, or another kind of thing in its place, such as user, project or node.',
    { field: 'entity' },
  );
}
