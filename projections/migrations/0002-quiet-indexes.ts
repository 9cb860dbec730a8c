import { sql } from 'slonik';
import type { Migration } from '../migration.ts';

/**
 * A session or a kernel changes its status half a dozen times, and an index over the status makes each of
 * these changes one of all indexes. What is indexed now changes at the end only, and pages keep room so
 * that a new version of a row lies beside the old one.
 */
export const quietIndexes: Migration = {
  version: 2,
  name: 'quiet-indexes',
  statements: [
    sql.fragment`DROP INDEX sessions_status_id_idx`,
    sql.fragment`DROP INDEX sessions_created_at_ms_id_idx1`,
    sql.fragment`DROP INDEX kernels_agent_id_idx`,
    sql.fragment`
      ALTER TABLE sessions SET (fillfactor = 70),
        ADD COLUMN is_over boolean NOT NULL
          GENERATED ALWAYS AS (status IN ('TERMINATED', 'CANCELLED', 'ERROR')) STORED`,
    sql.fragment`
      ALTER TABLE kernels SET (fillfactor = 70),
        ADD COLUMN is_over boolean NOT NULL
          GENERATED ALWAYS AS (status IN ('TERMINATED', 'CANCELLED', 'ERROR')) STORED`,
    sql.fragment`ALTER TABLE queue SET (fillfactor = 70)`,
    sql.fragment`ALTER TABLE checkpoint SET (fillfactor = 10)`,
    sql.fragment`CREATE INDEX ON sessions (created_at_ms, id) WHERE NOT is_over`,
    sql.fragment`CREATE INDEX ON kernels USING hash (agent_id) WHERE NOT is_over`,
  ],
};
