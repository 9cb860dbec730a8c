import { type LimitScope, Slots } from '@orrery/bus';
import { type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';
import { limitsId } from '../policies.ts';
import type { LimitsRow } from '../rows.ts';
import { storable } from '../storable-text.ts';
import { columnsOf } from '../table-sql.ts';
import { tables } from '../tables.ts';
import type { Source } from './source.ts';

/** Limits of an owner that were set and not taken away. */
export async function findLimits(
  source: Source,
  { scope, key }: Owner,
): Promise<LimitsRow | undefined> {
  const row = await source.read((connection) =>
    connection.maybeOne(
      sql.type(tables.limits.row)`
        SELECT ${columnsOf(tables.limits, 'l')} FROM ${source.table('limits')} AS l
        WHERE l.id = ${storable(limitsId(scope, key))} AND l.limits IS NOT NULL`,
    ),
  );
  return row ?? undefined;
}

/** Who is limited: the key is an access key, a user's or a project's id, or a domain's name. */
export interface Owner {
  readonly scope: LimitScope;
  readonly key: string;
}

const Held = z.object({
  slots: Slots,
  sessions: z.int(),
  systemSessions: z.int(),
  pendingSessions: z.int(),
});
export type Held = Readonly<z.infer<typeof Held>>;

/** What an owner holds now in all groups together, and how many of their sessions wait. */
export async function heldBy(source: Source, owner: Owner): Promise<Held> {
  const isOwned = sql.fragment`${sql.identifier(['s', COLUMNS[owner.scope]])} = ${storable(owner.key)}`;
  const sessions = source.table('sessions');
  const holding = sql.fragment`
    SELECT a.session_id, a.slots, s.session_type
    FROM ${source.table('allocations')} AS a JOIN ${sessions} AS s ON s.id = a.session_id
    WHERE NOT a.is_released AND ${isOwned}`;
  const count = (condition: FragmentSqlToken): FragmentSqlToken => sql.fragment`
    (SELECT count(DISTINCT session_id) FROM holding WHERE ${condition})`;
  return await source.read((connection) =>
    connection.one(
      sql.type(Held)`
        WITH holding AS (${holding})
        SELECT
          (SELECT coalesce(jsonb_object_agg(slot, amount), '{}') FROM (
            SELECT each.key AS slot, trim_scale(sum(each.value::numeric))::text AS amount
            FROM holding, jsonb_each_text(holding.slots) AS each GROUP BY each.key) AS sums
          ) AS slots,
          ${count(sql.fragment`session_type <> 'system'`)} AS sessions,
          ${count(sql.fragment`session_type = 'system'`)} AS "systemSessions",
          (SELECT count(*) FROM ${source.table('queue')} AS q
            JOIN ${sessions} AS s ON s.id = q.session_id
            WHERE q.is_waiting AND ${isOwned}) AS "pendingSessions"`,
    ),
  );
}

const COLUMNS: Readonly<Record<LimitScope, string>> = {
  keypair: 'access_key',
  user: 'owner_user_id',
  project: 'project_id',
  domain: 'domain',
};
