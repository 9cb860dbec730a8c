import { sql } from 'slonik';
import type { Migration } from '../migration.ts';

/**
 * Users may have a second factor. Each attempt keeps its allocations, and when they were held. What is there already is made again of the
 * events, as a fold of them gives it.
 */
export const heldTime: Migration = {
  version: 10,
  name: 'held-time-and-second-factor',
  statements: [
    sql.fragment`DROP TABLE allocations`,
    sql.fragment`
      CREATE TABLE allocations (
        id text COLLATE "C" PRIMARY KEY,
        kernel_id text COLLATE "C" NOT NULL,
        session_id text COLLATE "C" NOT NULL,
        agent_id text NOT NULL,
        attempt bigint NOT NULL,
        slots jsonb NOT NULL,
        is_released boolean NOT NULL,
        held_from_ms bigint NOT NULL,
        held_until_ms bigint,
        sequence bigint NOT NULL
      )`,
    sql.fragment`
      WITH said AS MATERIALIZED (
        SELECT a.sequence, each.place, each.event ->> 'type' AS type,
          each.event ->> 'session' AS session_id, each.event,
          trunc(coalesce((each.event ->> 'atMs')::numeric, a.recorded_at_ms))::bigint AS at_ms
        FROM audit AS a, json_array_elements(a.events) WITH ORDINALITY AS each(event, place)
        WHERE a.aggregate = 'scheduler'
          AND each.event ->> 'type' IN ('session-placed', 'allocation-released')
      ), followed AS (
        SELECT *, lead(at_ms) OVER later AS next_ms, lead(sequence) OVER later AS next_sequence
        FROM said WINDOW later AS (PARTITION BY session_id ORDER BY sequence, place)
      )
      INSERT INTO allocations
      SELECT DISTINCT ON (one ->> 'kernel', f.event ->> 'attempt')
        concat(one ->> 'kernel', '/', f.event ->> 'attempt'), one ->> 'kernel', f.session_id,
        one ->> 'node', (f.event ->> 'attempt')::bigint, (one -> 'slots')::jsonb,
        f.next_ms IS NOT NULL, f.at_ms,
        CASE WHEN f.next_ms IS NOT NULL THEN greatest(f.at_ms, f.next_ms) END,
        coalesce(f.next_sequence, f.sequence)
      FROM followed AS f, json_array_elements(f.event -> 'placements') AS one
      WHERE f.type = 'session-placed'
      ORDER BY one ->> 'kernel', f.event ->> 'attempt', f.sequence DESC, f.place DESC`,
    sql.fragment`
      ALTER TABLE users
        ADD COLUMN sealed_totp_secret text,
        ADD COLUMN totp_activated_at_ms bigint,
        ADD COLUMN recovery_codes_left bigint NOT NULL DEFAULT 0`,
    // It was written once and never again.
    sql.fragment`
      UPDATE sessions AS s SET priority = changed.priority FROM (
        SELECT DISTINCT ON (a.aggregate_id) a.aggregate_id AS id,
          (each.event ->> 'priority')::bigint AS priority
        FROM audit AS a, json_array_elements(a.events) WITH ORDINALITY AS each(event, place)
        WHERE a.aggregate = 'session' AND each.event ->> 'type' = 'session-priority-changed'
        ORDER BY a.aggregate_id, a.sequence DESC, each.place DESC) AS changed
      WHERE s.id = changed.id`,
    sql.fragment`CREATE INDEX ON allocations (session_id)`,
    sql.fragment`CREATE INDEX ON allocations USING hash (agent_id) WHERE NOT is_released`,
    sql.fragment`CREATE INDEX ON allocations (held_until_ms, held_from_ms)`,
  ],
};
