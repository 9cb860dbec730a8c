import { err, ok, type Rejection, type Result } from '@orrery/bus';
import { type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';
import { storable } from '../storable-text.ts';
import type { Visibility } from '../visibility.ts';
import { visible } from './sessions.ts';
import type { Source } from './source.ts';

const DAY_MS = 86_400_000;
/** Days of one report. */
export const REPORT_DAYS_MAX = 366;
/** Rows of one report. */
export const REPORT_ROWS_MAX = 50_000;

/** What the time that slots were held is told apart by, besides the slot. Days are those of UTC. */
export const HeldTimeDimension = z.enum(['day', 'user', 'project', 'domain', 'resource-group']);
export type HeldTimeDimension = z.infer<typeof HeldTimeDimension>;

export interface HeldTimeRequest {
  /** Days since the Unix epoch, the last one included. */
  readonly fromDay: number;
  readonly toDay: number;
  /** What is held still counts until then. */
  readonly nowMs: number;
  readonly by: readonly HeldTimeDimension[];
  readonly visibility: Visibility;
  readonly filter: {
    readonly userId?: string | undefined;
    readonly projectId?: string | undefined;
    readonly domain?: string | undefined;
    readonly resourceGroup?: string | undefined;
  };
}

const HeldTimeRow = z.object({
  /** Since the Unix epoch; null, as the others, when rows are not told apart by it. */
  day: z.int().nullable(),
  userId: z.string().nullable(),
  projectId: z.string().nullable(),
  domain: z.string().nullable(),
  resourceGroup: z.string().nullable(),
  /** Null of one who was purged. */
  userEmail: z.string().nullable(),
  projectName: z.string().nullable(),
  slot: z.string(),
  /** Amount of the slot times seconds, exactly, as decimal text. */
  slotSeconds: z.string(),
});
export type HeldTimeRow = Readonly<z.infer<typeof HeldTimeRow>>;

/**
 * How long which slots were held, from the allocations of the scheduler: each counts from its placement to
 * its release. Refused: `report-period-invalid`, `report-too-large`.
 */
export async function heldTime(
  source: Source,
  request: HeldTimeRequest,
): Promise<Result<readonly HeldTimeRow[], Rejection>> {
  const { fromDay, toDay, nowMs } = request;
  if (toDay < fromDay || toDay - fromDay >= REPORT_DAYS_MAX)
    return err({
      code: 'report-period-invalid',
      message: `a report has 1 to ${REPORT_DAYS_MAX} days, and its first is not after its last`,
      field: 'to',
    });
  const from = fromDay * DAY_MS;
  const until = Math.max(from, Math.min(nowMs, (toDay + 1) * DAY_MS));
  const groups = groupsOf(request.by);
  const rows = await source.read((connection) =>
    connection.any(
      sql.type(HeldTimeRow)`
        WITH held AS (
          SELECT s.owner_user_id, s.project_id, s.domain, s.resource_group, a.slots,
            greatest(a.held_from_ms, ${from}) AS from_ms,
            least(coalesce(a.held_until_ms, ${until}), ${until}) AS until_ms
          FROM ${source.table('allocations')} AS a
            JOIN ${source.table('sessions')} AS s ON s.id = a.session_id
          WHERE a.held_from_ms < ${until}
            AND (a.held_until_ms > ${from} OR a.held_until_ms IS NULL)
            AND ${sql.and([visible(request.visibility), ...conditionsOf(request.filter)])}
        ), parts AS (
          SELECT held.*, day,
            least(until_ms, (day + 1) * ${DAY_MS}) - greatest(from_ms, day * ${DAY_MS}) AS part_ms
          FROM held, generate_series(from_ms / ${DAY_MS}, (until_ms - 1) / ${DAY_MS}) AS day
        ), summed AS (
          SELECT ${sql.join(groups, sql.fragment`, `)}, each.key AS slot,
            trim_scale(sum(each.value::numeric * part_ms) * 0.001)::text AS "slotSeconds"
          FROM parts, jsonb_each_text(parts.slots) AS each GROUP BY 1, 2, 3, 4, 5, 6
        )
        SELECT summed.*, u.email AS "userEmail", p.name AS "projectName"
        FROM summed
          LEFT JOIN ${source.table('users')} AS u ON u.id = summed."userId" AND NOT u.is_purged
          LEFT JOIN ${source.table('projects')} AS p ON p.id = summed."projectId"
        ORDER BY day, domain, "projectId", "userId", "resourceGroup", slot
        LIMIT ${REPORT_ROWS_MAX + 1}`,
    ),
  );
  if (rows.length <= REPORT_ROWS_MAX) return ok(rows);
  return err({
    code: 'report-too-large',
    message: `a report has at most ${REPORT_ROWS_MAX} rows: take fewer days, or tell fewer things apart`,
    field: 'by',
  });
}

const COLUMNS: Readonly<
  Record<HeldTimeDimension, { readonly column: string; readonly as: string }>
> = {
  day: { column: 'day', as: 'day' },
  user: { column: 'owner_user_id', as: 'userId' },
  project: { column: 'project_id', as: 'projectId' },
  domain: { column: 'domain', as: 'domain' },
  'resource-group': { column: 'resource_group', as: 'resourceGroup' },
};

function groupsOf(by: readonly HeldTimeDimension[]): readonly FragmentSqlToken[] {
  return HeldTimeDimension.options.map((dimension) => {
    const { column, as } = COLUMNS[dimension];
    const value = by.includes(dimension)
      ? sql.fragment`${sql.identifier(['parts', column])}`
      : dimension === 'day'
        ? sql.fragment`NULL::bigint`
        : sql.fragment`NULL::text`;
    return sql.fragment`${value} AS ${sql.identifier([as])}`;
  });
}

function conditionsOf(filter: HeldTimeRequest['filter']): readonly FragmentSqlToken[] {
  const { userId, projectId, domain, resourceGroup } = filter;
  const equal = (column: string, value: string | undefined): readonly FragmentSqlToken[] =>
    value === undefined
      ? []
      : [sql.fragment`${sql.identifier(['s', column])} = ${storable(value)}`];
  return [
    ...equal('owner_user_id', userId),
    ...equal('project_id', projectId),
    ...equal('domain', domain),
    ...equal('resource_group', resourceGroup),
  ];
}
