import { Slots } from '@orrery/bus';
import { sql } from 'slonik';
import { z } from 'zod';
import { ResourceGroupRow } from '../rows.ts';
import type { Source } from './source.ts';

/** Resource groups of one listing. */
const GROUPS_MAX = 10_000;

/** A resource group that was set up, that a node names, or that is always there. */
export const ListedGroup = ResourceGroupRow.pick({ name: true, policy: true }).extend({
  setAtMs: z.int().nullable(),
  agents: z.int(),
  schedulableAgents: z.int(),
  pendingSessions: z.int(),
  /** Of agents that are alive. */
  availableSlots: Slots,
  occupiedSlots: Slots,
});
export type ListedGroup = Readonly<z.infer<typeof ListedGroup>>;

/** By name. `always` is listed whether or not anybody has spoken of it. */
export async function listResourceGroups(
  source: Source,
  { always }: { readonly always: string },
): Promise<readonly ListedGroup[]> {
  const nodes = source.table('nodes');
  const groups = source.table('resourceGroups');
  return await source.read((connection) =>
    connection.any(
      sql.type(ListedGroup)`
        WITH named AS (
          SELECT ${always}::text COLLATE "C" AS name
          UNION SELECT r.name FROM ${groups} AS r WHERE r.policy IS NOT NULL
          UNION SELECT n.resource_group FROM ${nodes} AS n WHERE n.status <> 'TERMINATED'
        ), counted AS (
          SELECT n.resource_group AS name, count(*) AS agents,
            count(*) FILTER (WHERE 
              n.status = 'ALIVE' AND n.is_schedulable AND NOT n.is_troubled) AS schedulable
          FROM ${nodes} AS n WHERE n.status <> 'TERMINATED' GROUP BY 1
        ), waiting AS (
          SELECT q.resource_group AS name, count(*) AS sessions
          FROM ${source.table('queue')} AS q WHERE q.is_waiting GROUP BY 1
        ), available AS (
          SELECT name, jsonb_object_agg(slot, amount) AS slots FROM (
            SELECT n.resource_group AS name, each.key AS slot,
              trim_scale(sum(each.value::numeric))::text AS amount
            FROM ${nodes} AS n, jsonb_each_text(n.available_slots) AS each
            WHERE n.status = 'ALIVE' GROUP BY 1, 2) AS sums GROUP BY 1
        ), occupied AS (
          SELECT name, jsonb_object_agg(slot, amount) AS slots FROM (
            SELECT n.resource_group AS name, each.key AS slot,
              trim_scale(sum(each.value::numeric))::text AS amount
            FROM ${source.table('allocations')} AS a JOIN ${nodes} AS n ON n.id = a.agent_id,
              jsonb_each_text(a.slots) AS each
            WHERE NOT a.is_released GROUP BY 1, 2) AS sums GROUP BY 1
        )
        SELECT named.name, r.policy, r.set_at_ms AS "setAtMs",
          coalesce(counted.agents, 0) AS agents,
          coalesce(counted.schedulable, 0) AS "schedulableAgents",
          coalesce(waiting.sessions, 0) AS "pendingSessions",
          coalesce(available.slots, '{}') AS "availableSlots",
          coalesce(occupied.slots, '{}') AS "occupiedSlots"
        FROM named
          LEFT JOIN ${groups} AS r ON r.name = named.name AND r.policy IS NOT NULL
          LEFT JOIN counted ON counted.name = named.name
          LEFT JOIN waiting ON waiting.name = named.name
          LEFT JOIN available ON available.name = named.name
          LEFT JOIN occupied ON occupied.name = named.name
        ORDER BY named.name LIMIT ${GROUPS_MAX}`,
    ),
  );
}

export const GroupRules = ResourceGroupRow.pick({ name: true, policy: true });
export type GroupRules = Readonly<z.infer<typeof GroupRules>>;

/** Of all groups that were set up: without what is counted in them. */
export async function groupRules(source: Source): Promise<readonly GroupRules[]> {
  return await source.read((connection) =>
    connection.any(
      sql.type(GroupRules)`
        SELECT name, policy FROM ${source.table('resourceGroups')}
        WHERE policy IS NOT NULL ORDER BY name LIMIT ${GROUPS_MAX}`,
    ),
  );
}

const Room = z.object({ available: Slots, occupied: Slots });
export type NodeRoom = Readonly<z.infer<typeof Room>>;

/** What each node of a group that takes sessions now has, and what of it is given away. */
export async function roomOfGroup(source: Source, group: string): Promise<readonly NodeRoom[]> {
  return await source.read((connection) =>
    connection.any(
      sql.type(Room)`
        WITH occupied AS (
          SELECT id, jsonb_object_agg(slot, amount) AS slots FROM (
            SELECT a.agent_id AS id, each.key AS slot,
              trim_scale(sum(each.value::numeric))::text AS amount
            FROM ${source.table('allocations')} AS a, jsonb_each_text(a.slots) AS each
            WHERE NOT a.is_released GROUP BY 1, 2) AS sums GROUP BY 1
        )
        SELECT n.available_slots AS available, coalesce(occupied.slots, '{}') AS occupied
        FROM ${source.table('nodes')} AS n LEFT JOIN occupied ON occupied.id = n.id
        WHERE n.resource_group = ${group} AND n.status = 'ALIVE'
          AND n.is_schedulable AND NOT n.is_troubled`,
    ),
  );
}
