import { ok, Slots } from '@orrery/bus';
import { type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';
import { pageOf, planPage } from '../page.ts';
import type { Paged, PageRequest } from '../projections.ts';
import { LimitsRow } from '../rows.ts';
import { storable } from '../storable-text.ts';
import type { Visibility } from '../visibility.ts';
import { visibleDomains, visibleProjects, visibleUsers } from './directory-visibility.ts';
import { keyset, type Source } from './source.ts';

/** Who is told what they hold and may hold. */
export const QuotaScope = z.enum(['user', 'project', 'domain']);
export type QuotaScope = z.infer<typeof QuotaScope>;

export interface QuotaListing extends PageRequest {
  readonly scope: QuotaScope;
  readonly visibility: Visibility;
  /** Only this one. */
  readonly key?: string | undefined;
}

const QuotaRow = z.object({
  /** A user's or a project's id, or a domain's name. */
  key: z.string(),
  name: z.string(),
  limits: LimitsRow.shape.limits,
  /** What is held in each resource group, by its name. */
  heldSlots: z.record(z.string(), Slots),
  sessions: z.int(),
  pendingSessions: z.int(),
});
export type QuotaRow = Readonly<z.infer<typeof QuotaRow>>;

const ORDER = { name: 'quotas', value: 'string', key: 'string' } as const;

/** What each owner of a kind holds now, in each resource group; by key. */
export async function listQuotas(source: Source, listing: QuotaListing): Paged<QuotaRow> {
  const { scope, key } = listing;
  const plan = planPage(listing, ORDER);
  if (!plan.ok) return plan;
  const { first, after } = plan.value;
  const owners = ownersOf(source, listing);
  const wanted = key === undefined ? sql.fragment`TRUE` : sql.fragment`o.key = ${storable(key)}`;
  const place = keyset(sql.fragment`o.key`, sql.fragment`o.key`, { after, direction: 'ascending' });
  const owner = sql.identifier(['s', COLUMNS[scope]]);
  return await source.read(async (connection) => {
    const totalCount = await connection.oneFirst(
      sql.type(z.object({ count: z.int() }))`
        SELECT count(*) AS count FROM (${owners}) AS o WHERE ${wanted}`,
    );
    const rows = await connection.any(
      sql.type(QuotaRow)`
        WITH page AS (
          SELECT o.key, o.name FROM (${owners}) AS o
          WHERE ${wanted} AND ${place.behind} ORDER BY ${place.order} LIMIT ${first + 1}
        ), holding AS (
          SELECT ${owner} AS key, s.resource_group, a.session_id, a.slots
          FROM ${source.table('allocations')} AS a
            JOIN ${source.table('sessions')} AS s ON s.id = a.session_id
          WHERE a.held_until_ms IS NULL AND ${owner} IN (SELECT key FROM page)
        ), summed AS (
          SELECT key, resource_group, jsonb_object_agg(slot, amount) AS slots FROM (
            SELECT h.key, h.resource_group, each.key AS slot,
              trim_scale(sum(each.value::numeric))::text AS amount
            FROM holding AS h, jsonb_each_text(h.slots) AS each GROUP BY 1, 2, 3) AS sums
          GROUP BY 1, 2
        ), held AS (
          SELECT key, jsonb_object_agg(resource_group, slots) AS slots FROM summed GROUP BY 1
        ), counted AS (
          SELECT key, count(DISTINCT session_id) AS sessions FROM holding GROUP BY 1
        ), waiting AS (
          SELECT ${owner} AS key, count(*) AS sessions
          FROM ${source.table('queue')} AS q
            JOIN ${source.table('sessions')} AS s ON s.id = q.session_id
          WHERE q.is_waiting AND ${owner} IN (SELECT key FROM page) GROUP BY 1
        )
        SELECT page.key, page.name, l.limits,
          coalesce(held.slots, '{}') AS "heldSlots",
          coalesce(counted.sessions, 0) AS sessions,
          coalesce(waiting.sessions, 0) AS "pendingSessions"
        FROM page
          LEFT JOIN held ON held.key = page.key
          LEFT JOIN counted ON counted.key = page.key
          LEFT JOIN waiting ON waiting.key = page.key
          LEFT JOIN ${source.table('limits')} AS l ON l.id = ${`${scope}:`} || page.key
        ORDER BY page.key`,
    );
    const paging = { plan: plan.value, order: ORDER };
    return ok(pageOf(rows, totalCount, paging, (row) => ({ value: row.key, key: row.key })));
  });
}

const COLUMNS: Readonly<Record<QuotaScope, string>> = {
  user: 'owner_user_id',
  project: 'project_id',
  domain: 'domain',
};

function ownersOf(source: Source, { scope, visibility }: QuotaListing): FragmentSqlToken {
  switch (scope) {
    case 'user':
      return sql.fragment`
        SELECT u.id AS key, u.email AS name FROM ${source.table('users')} AS u
        WHERE NOT u.is_purged AND ${visibleUsers(visibility)}`;
    case 'project':
      return sql.fragment`
        SELECT p.id AS key, p.name FROM ${source.table('projects')} AS p
        WHERE NOT p.is_purged AND ${visibleProjects(source, visibility)}`;
    case 'domain':
      return sql.fragment`
        SELECT d.name AS key, d.name FROM ${source.table('domains')} AS d
        WHERE NOT d.is_purged AND ${visibleDomains(source, visibility)}`;
    default:
      return scope satisfies never;
  }
}
