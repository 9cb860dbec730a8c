import { ok, type Witness } from '@orrery/bus';
import { type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';
import { instantMs } from '../moment.ts';
import { pageOf, planPage } from '../page.ts';
import type { AuditListing, AuditRange, Paged } from '../projections.ts';
import type { AuditRow } from '../rows.ts';
import { storable } from '../storable-text.ts';
import { columnsOf } from '../table-sql.ts';
import { tables } from '../tables.ts';
import { directoryEntries } from './directory-visibility.ts';
import { visible } from './sessions.ts';
import { keyset, type Source } from './source.ts';

/** Commits of one session that are read at once. Usual are 10 to 20. */
const COMMITS_MAX = 10_000;

const WITNESSES_MAX = 5_000;

const ORDER = { name: 'audit', value: 'number', key: 'number' } as const;

export async function auditEntries(source: Source, listing: AuditListing): Paged<AuditRow> {
  const plan = planPage(listing, ORDER);
  if (!plan.ok) return plan;
  const { first, after } = plan.value;
  const sequence = sql.fragment`a.sequence`;
  const place = keyset(sequence, sequence, { after, direction: 'ascending' });
  const taken = sql.and(conditionsOf(source, listing));
  const audit = source.table('audit');
  return await source.read(async (connection) => {
    const [totalCount, rows] = await Promise.all([
      connection.oneFirst(
        sql.type(z.object({ count: z.int() }))`
          SELECT count(*) AS count FROM ${audit} AS a WHERE ${taken}`,
      ),
      connection.any(
        sql.type(tables.audit.row)`
          SELECT ${columnsOf(tables.audit, 'a')} FROM ${audit} AS a
          WHERE ${taken} AND ${place.behind} ORDER BY a.sequence LIMIT ${first + 1}`,
      ),
    ]);
    const paging = { plan: plan.value, order: ORDER };
    return ok(
      pageOf(rows, totalCount, paging, (row) => ({ value: row.sequence, key: row.sequence })),
    );
  });
}

function conditionsOf(
  source: Source,
  {
    visibility,
    aggregate,
    aggregateId,
  }: Pick<AuditListing, 'visibility' | 'aggregate' | 'aggregateId'>,
): readonly FragmentSqlToken[] {
  const conditions: FragmentSqlToken[] = [];
  if (aggregate !== undefined) conditions.push(sql.fragment`a.aggregate = ${storable(aggregate)}`);
  if (aggregateId !== undefined)
    conditions.push(sql.fragment`a.aggregate_id = ${storable(aggregateId)}`);
  if (visibility.kind !== 'all') {
    const ofSession = sql.fragment`
      a.aggregate = 'session' AND a.aggregate_id IN (
        SELECT s.id FROM ${source.table('sessions')} AS s WHERE ${visible(visibility)})`;
    const ofDirectory = directoryEntries(source, visibility);
    conditions.push(sql.fragment`(${sql.join([ofSession, ...ofDirectory], sql.fragment` OR `)})`);
  }
  return conditions;
}

/**
 * Without those that tell only what was done inside, which may be many and change nothing of the session. Up to
 * the first that was recorded after `untilMs`, whatever the clocks of other hosts said later.
 */
export async function commitsOfSession(
  source: Source,
  id: string,
  untilMs?: number,
): Promise<readonly AuditRow[]> {
  const audit = source.table('audit');
  const own = sql.fragment`
    a.aggregate = 'session' AND a.aggregate_id = ${storable(id)} AND a.command_type <> 'note-use'`;
  const isInTime =
    untilMs === undefined
      ? sql.fragment`TRUE`
      : sql.fragment`NOT EXISTS (
          SELECT FROM ${audit} AS late
          WHERE late.aggregate = a.aggregate AND late.aggregate_id = a.aggregate_id
            AND late.sequence <= a.sequence AND late.recorded_at_ms > ${instantMs(untilMs)})`;
  return await source.read((connection) =>
    connection.any(
      sql.type(tables.audit.row)`
        SELECT ${columnsOf(tables.audit, 'a')} FROM ${audit} AS a
        WHERE ${own} AND ${isInTime} ORDER BY a.sequence LIMIT ${COMMITS_MAX}`,
    ),
  );
}

const WitnessRow = z.object({
  sequence: z.int(),
  aggregate: z.string(),
  aggregateId: z.string(),
  firstRevision: z.int(),
  hash: z.string(),
});

/** What the tables remember of the commits of a part of the log, in order, page by page. */
export async function* witnesses(
  source: Source,
  range: AuditRange,
): AsyncGenerator<readonly Witness[], void> {
  const audit = source.table('audit');
  const conditions = conditionsOf(source, { ...range, visibility: { kind: 'all' } });
  let after = range.afterSequence;
  for (;;) {
    const taken = sql.and([
      sql.fragment`a.sequence > ${after}`,
      sql.fragment`a.sequence <= ${range.upToSequence}`,
      ...conditions,
    ]);
    const page = await source.read((connection) =>
      connection.any(
        sql.type(WitnessRow)`
          SELECT a.sequence, a.aggregate, a.aggregate_id AS "aggregateId",
            a.first_revision AS "firstRevision", a.hash
          FROM ${audit} AS a WHERE ${taken} ORDER BY a.sequence LIMIT ${WITNESSES_MAX}`,
      ),
    );
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = last.sequence;
  }
}
