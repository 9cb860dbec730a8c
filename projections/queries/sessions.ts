import { type SessionStatus, unreachable } from '@orrery/bus';
import { type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';
import { type Position, pageOf, planPage } from '../page.ts';
import type {
  Paged,
  Projections,
  SessionFilter,
  SessionListing,
  SessionOrder,
  SessionOwner,
} from '../projections.ts';
import { KernelSeen, type SessionRow } from '../rows.ts';
import { storable } from '../storable-text.ts';
import { columnsOf } from '../table-sql.ts';
import { tables } from '../tables.ts';
import type { Visibility } from '../visibility.ts';
import { boundedIds, keyset, type Source } from './source.ts';

const NEWEST_FIRST: SessionOrder = { field: 'created-at', direction: 'descending' };

/** Characters of a name that order goes by, as the index has them. */
const NAME_ORDER_CHARACTERS = 256;
/** Where those stand that have not ended, as the index has it. */
const NOT_ENDED_MS = Number.MAX_SAFE_INTEGER;

/** A session that waits shows why the scheduler holds it. */
const COLUMNS = columnsOf(tables.sessions, 's', {
  statusInfo: sql.fragment`coalesce(q.reason_code, s.status_info)`,
  statusMessage: sql.fragment`coalesce(q.reason_message, s.status_message)`,
});

const KERNEL_COLUMNS = columnsOf(tables.kernels, 'k');

function from(source: Source): FragmentSqlToken {
  return sql.fragment`
    ${source.table('sessions')} AS s LEFT JOIN ${source.table('queue')} AS q
      ON q.session_id = s.id AND q.is_waiting AND s.status = 'PENDING'`;
}

export async function sessionsByIds(
  source: Source,
  ids: readonly string[],
  visibility: Visibility,
): Promise<readonly SessionRow[]> {
  const wanted = sql.array(boundedIds(ids).map(storable), 'text');
  return await source.read((connection) =>
    connection.any(
      sql.type(tables.sessions.row)`
        SELECT ${COLUMNS} FROM ${from(source)}
        WHERE s.id = ANY(${wanted}) AND ${visible(visibility)}`,
    ),
  );
}

export async function kernelsOfSessions(
  source: Source,
  sessionIds: readonly string[],
): Promise<readonly KernelSeen[]> {
  const wanted = sql.array(boundedIds(sessionIds).map(storable), 'text');
  return await source.read((connection) =>
    connection.any(
      sql.type(KernelSeen)`
        SELECT ${KERNEL_COLUMNS}, CASE WHEN k.is_over THEN NULL ELSE (
            SELECT each->>'message'
            FROM ${source.table('nodes')} AS n, jsonb_array_elements(n.troubles) AS each
            WHERE n.id = k.agent_id AND each->>'kernel' = k.id LIMIT 1
          ) END AS trouble
        FROM ${source.table('kernels')} AS k
        WHERE k.session_id = ANY(${wanted}) ORDER BY k.session_id, k.local_rank`,
    ),
  );
}

const OwnerRow = z.object({
  id: z.string(),
  ownerUserId: z.string(),
  domain: z.string(),
  projectId: z.string(),
});

export async function ownersOfSessions(
  source: Source,
  { visibility, filter, limit }: Parameters<Projections['ownersOfSessions']>[0],
): Promise<readonly SessionOwner[]> {
  const taken = sql.and([visible(visibility), ...conditionsOf(filter)]);
  return await source.read((connection) =>
    connection.any(
      sql.type(OwnerRow)`
        SELECT s.id, s.owner_user_id AS "ownerUserId", s.domain, s.project_id AS "projectId"
        FROM ${source.table('sessions')} AS s WHERE ${taken}
        ORDER BY s.created_at_ms DESC, s.id DESC LIMIT ${limit}`,
    ),
  );
}

export async function listSessions(source: Source, listing: SessionListing): Paged<SessionRow> {
  const { visibility, filter = {}, order: wanted = NEWEST_FIRST } = listing;
  const { expression, value, positionOf } = ORDERS[wanted.field];
  const name = `sessions ${wanted.field} ${wanted.direction}`;
  const order = { name, value, key: 'string' } as const;
  const plan = planPage(listing, order);
  if (!plan.ok) return plan;
  const { first, after } = plan.value;
  const place = keyset(expression, sql.fragment`s.id`, { after, direction: wanted.direction });
  const taken = sql.and([visible(visibility), ...conditionsOf(filter)]);
  return await source.read(async (connection) => {
    const [totalCount, rows] = await Promise.all([
      connection.oneFirst(
        sql.type(z.object({ count: z.int() }))`
          SELECT count(*) AS count FROM ${source.table('sessions')} AS s WHERE ${taken}`,
      ),
      connection.any(
        sql.type(tables.sessions.row)`
          SELECT ${COLUMNS} FROM ${from(source)} WHERE ${taken} AND ${place.behind}
          ORDER BY ${place.order} LIMIT ${first + 1}`,
      ),
    ]);
    const page = pageOf(rows, totalCount, { plan: plan.value, order }, positionOf);
    return { ok: true as const, value: page };
  });
}

interface OrderBy {
  readonly expression: FragmentSqlToken;
  readonly value: 'string' | 'number';
  readonly positionOf: (row: SessionRow) => Position;
}

const ORDERS: Readonly<Record<SessionOrder['field'], OrderBy>> = {
  'created-at': {
    expression: sql.fragment`s.created_at_ms`,
    value: 'number',
    positionOf: ({ createdAtMs, id }) => ({ value: createdAtMs, key: id }),
  },
  name: {
    expression: sql.fragment`left(s.name, 256)`,
    value: 'string',
    positionOf: ({ name, id }) => ({
      value: [...name].slice(0, NAME_ORDER_CHARACTERS).join(''),
      key: id,
    }),
  },
  status: {
    expression: sql.fragment`s.status`,
    value: 'string',
    positionOf: ({ status, id }) => ({ value: status, key: id }),
  },
  'terminated-at': {
    expression: sql.fragment`coalesce(s.terminated_at_ms, 9007199254740991)`,
    value: 'number',
    positionOf: ({ terminatedAtMs, id }) => ({ value: terminatedAtMs ?? NOT_ENDED_MS, key: id }),
  },
};

export function visible(visibility: Visibility): FragmentSqlToken {
  switch (visibility.kind) {
    case 'all':
      return sql.fragment`TRUE`;
    case 'user':
      return sql.fragment`s.owner_user_id = ${storable(visibility.userId)}`;
    case 'projects':
      return sql.fragment`(s.owner_user_id = ${storable(visibility.userId)}
        OR s.domain = ${storable(visibility.domain)}
          AND s.project_id = ANY(${sql.array(visibility.projects.map(storable), 'text')}))`;
    case 'domain':
      return sql.fragment`(s.owner_user_id = ${storable(visibility.userId)}
        OR s.domain = ${storable(visibility.domain)})`;
    default:
      return unreachable(visibility);
  }
}

function conditionsOf(filter: SessionFilter): readonly FragmentSqlToken[] {
  const conditions: FragmentSqlToken[] = [];
  const { statuses, sessionTypes, isLive, name, nameContains, ownerUserId, projectId } = filter;
  if (statuses !== undefined) conditions.push(...statusConditions(statuses));
  if (sessionTypes !== undefined)
    conditions.push(sql.fragment`s.session_type = ANY(${sql.array(sessionTypes, 'text')})`);
  if (isLive === true) conditions.push(sql.fragment`NOT s.is_over`);
  if (isLive === false) conditions.push(sql.fragment`s.is_over`);
  if (name !== undefined) {
    const exact = storable(name);
    const beginning = [...exact].slice(0, NAME_ORDER_CHARACTERS).join('');
    conditions.push(sql.fragment`left(s.name, 256) = ${beginning} AND s.name = ${exact}`);
  }
  if (nameContains !== undefined)
    conditions.push(sql.fragment`strpos(lower(s.name), lower(${storable(nameContains)})) > 0`);
  if (ownerUserId !== undefined)
    conditions.push(sql.fragment`s.owner_user_id = ${storable(ownerUserId)}`);
  if (projectId !== undefined) conditions.push(sql.fragment`s.project_id = ${storable(projectId)}`);
  return conditions;
}

const OVER: ReadonlySet<SessionStatus> = new Set(['TERMINATED', 'CANCELLED', 'ERROR']);

/** Statuses have no index of their own, but those that are not over are few and have one. */
function statusConditions(statuses: readonly SessionStatus[]): readonly FragmentSqlToken[] {
  const isOneOf = sql.fragment`s.status = ANY(${sql.array(statuses, 'text')})`;
  const areLive = statuses.every((status) => !OVER.has(status));
  return areLive ? [isOneOf, sql.fragment`NOT s.is_over`] : [isOneOf];
}
