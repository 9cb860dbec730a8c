import { ok, Slots } from '@orrery/bus';
import { sql } from 'slonik';
import { z } from 'zod';
import { pageOf, planPage } from '../page.ts';
import type { AgentRow, ClusterTotals, Paged, PageRequest } from '../projections.ts';
import { NodeRow } from '../rows.ts';
import { columnsOf } from '../table-sql.ts';
import { tables } from '../tables.ts';
import type { Visibility } from '../visibility.ts';
import { visible } from './sessions.ts';
import { keyset, type Source } from './source.ts';

const ORDER = { name: 'nodes', value: 'string', key: 'string' } as const;

const Agent = NodeRow.extend({ occupiedSlots: Slots, liveKernels: z.int() });

export async function listNodes(source: Source, request: PageRequest): Paged<AgentRow> {
  const plan = planPage(request, ORDER);
  if (!plan.ok) return plan;
  const { first, after } = plan.value;
  const id = sql.fragment`n.id`;
  const place = keyset(id, id, { after, direction: 'ascending' });
  return await source.read(async (connection) => {
    const totalCount = await connection.oneFirst(
      sql.type(z.object({ count: z.int() }))`
        SELECT count(*) AS count FROM ${source.table('nodes')}`,
    );
    const rows = await connection.any(
      sql.type(Agent)`
        SELECT ${columnsOf(tables.nodes, 'n')},
          (SELECT coalesce(jsonb_object_agg(slot, amount), '{}') FROM (
            SELECT each.key AS slot, trim_scale(sum(each.value::numeric))::text AS amount
            FROM ${source.table('allocations')} AS a, jsonb_each_text(a.slots) AS each
            WHERE a.agent_id = n.id AND NOT a.is_released GROUP BY each.key) AS sums
          ) AS "occupiedSlots",
          (SELECT count(*) FROM ${source.table('kernels')} AS k
            WHERE k.agent_id = n.id AND NOT k.is_over
          ) AS "liveKernels"
        FROM ${source.table('nodes')} AS n WHERE ${place.behind}
        ORDER BY ${place.order} LIMIT ${first + 1}`,
    );
    const paging = { plan: plan.value, order: ORDER };
    return ok(pageOf(rows, totalCount, paging, (row) => ({ value: row.id, key: row.id })));
  });
}

const Totals = z.object({
  sessionsByStatus: z.record(z.string(), z.int()),
  agentsByStatus: z.record(z.string(), z.int()),
  availableSlots: Slots,
  occupiedSlots: Slots,
  projectedSequence: z.int(),
});

export async function clusterStatus(
  source: Source,
  visibility: Visibility,
): Promise<ClusterTotals> {
  return await source.read((connection) =>
    connection.one(
      sql.type(Totals)`
        SELECT
          (SELECT coalesce(jsonb_object_agg(status, count), '{}') FROM (
            SELECT s.status, count(*) AS count FROM ${source.table('sessions')} AS s
            WHERE ${visible(visibility)} GROUP BY s.status) AS counts
          ) AS "sessionsByStatus",
          (SELECT coalesce(jsonb_object_agg(status, count), '{}') FROM (
            SELECT n.status, count(*) AS count FROM ${source.table('nodes')} AS n
            GROUP BY n.status) AS counts
          ) AS "agentsByStatus",
          (SELECT coalesce(jsonb_object_agg(slot, amount), '{}') FROM (
            SELECT each.key AS slot, trim_scale(sum(each.value::numeric))::text AS amount
            FROM ${source.table('nodes')} AS n, jsonb_each_text(n.available_slots) AS each
            WHERE n.status = 'ALIVE' GROUP BY each.key) AS sums
          ) AS "availableSlots",
          (SELECT coalesce(jsonb_object_agg(slot, amount), '{}') FROM (
            SELECT each.key AS slot, trim_scale(sum(each.value::numeric))::text AS amount
            FROM ${source.table('allocations')} AS a, jsonb_each_text(a.slots) AS each
            WHERE NOT a.is_released GROUP BY each.key) AS sums
          ) AS "occupiedSlots",
          (SELECT sequence FROM ${source.table('checkpoint')}) AS "projectedSequence"`,
    ),
  );
}

/** Names of slots that some node has or had, and those that every node has; in order. */
export async function knownSlots(source: Source): Promise<readonly string[]> {
  const names = await source.read((connection) =>
    connection.anyFirst(
      sql.type(z.object({ name: z.string() }))`
        SELECT DISTINCT jsonb_object_keys(available_slots) AS name
        FROM ${source.table('nodes')}`,
    ),
  );
  return [...new Set(['cpu', 'mem', ...names])].toSorted();
}

/** Sequence of the newest commit that the tables hold. */
export async function checkpoint(source: Source): Promise<number> {
  return await source.read((connection) =>
    connection.oneFirst(
      sql.type(z.object({ sequence: z.int() }))`
        SELECT sequence FROM ${source.table('checkpoint')}`,
    ),
  );
}
