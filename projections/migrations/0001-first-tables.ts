import { sql } from 'slonik';
import type { Migration } from '../migration.ts';

/**
 * Ids are text of one byte order everywhere, so that pages go on where they ended. Names may be longer
 * than an index entry, so order goes by their beginning. Columns of any text have hash indexes.
 */
export const firstTables: Migration = {
  version: 1,
  name: 'first-tables',
  statements: [
    sql.fragment`
      CREATE TABLE checkpoint (
        is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
        sequence bigint NOT NULL,
        hash text NOT NULL
      )`,
    sql.fragment`INSERT INTO checkpoint (sequence, hash) VALUES (0, '')`,
    sql.fragment`
      CREATE TABLE sessions (
        id text COLLATE "C" PRIMARY KEY,
        name text COLLATE "C" NOT NULL,
        session_type text NOT NULL,
        status text COLLATE "C" NOT NULL,
        status_info text,
        status_message text,
        result text NOT NULL,
        exit_code bigint,
        image text NOT NULL,
        command jsonb,
        owner_user_id text NOT NULL,
        owner_email text NOT NULL,
        access_key text,
        project_id text NOT NULL,
        domain text NOT NULL,
        resource_group text NOT NULL,
        architecture text,
        cluster_mode text NOT NULL,
        priority bigint NOT NULL,
        tag text,
        environ jsonb NOT NULL,
        batch_timeout_ms bigint,
        requested_slots jsonb NOT NULL,
        occupied_slots jsonb NOT NULL,
        status_history jsonb NOT NULL,
        created_at_ms bigint NOT NULL,
        started_at_ms bigint,
        terminated_at_ms bigint,
        revision bigint NOT NULL,
        sequence bigint NOT NULL
      )`,
    sql.fragment`CREATE INDEX ON sessions (created_at_ms, id)`,
    sql.fragment`CREATE INDEX ON sessions (left(name, 256), id)`,
    sql.fragment`CREATE INDEX ON sessions (status, id)`,
    sql.fragment`CREATE INDEX ON sessions (coalesce(terminated_at_ms, 9007199254740991), id)`,
    sql.fragment`CREATE INDEX ON sessions (owner_user_id, created_at_ms, id)`,
    sql.fragment`
      CREATE INDEX ON sessions (created_at_ms, id)
        WHERE status NOT IN ('TERMINATED', 'CANCELLED', 'ERROR')`,
    sql.fragment`
      CREATE TABLE kernels (
        id text COLLATE "C" PRIMARY KEY,
        session_id text COLLATE "C" NOT NULL,
        role text NOT NULL,
        index bigint NOT NULL,
        local_rank bigint NOT NULL,
        hostname text NOT NULL,
        status text NOT NULL,
        status_info text,
        status_message text,
        image text NOT NULL,
        agent_id text,
        container_id text,
        requested_slots jsonb NOT NULL,
        occupied_slots jsonb NOT NULL,
        exit_code bigint,
        was_out_of_memory boolean NOT NULL,
        started_at_ms bigint,
        terminated_at_ms bigint,
        revision bigint NOT NULL,
        sequence bigint NOT NULL
      )`,
    sql.fragment`CREATE INDEX ON kernels (session_id, local_rank)`,
    sql.fragment`
      CREATE INDEX ON kernels USING hash (agent_id)
        WHERE status NOT IN ('TERMINATED', 'CANCELLED', 'ERROR')`,
    sql.fragment`
      CREATE TABLE queue (
        session_id text COLLATE "C" PRIMARY KEY,
        is_waiting boolean NOT NULL,
        attempt bigint NOT NULL,
        resource_group text NOT NULL,
        reason_code text,
        reason_message text,
        missing_slots jsonb,
        queued_at_ms bigint NOT NULL,
        sequence bigint NOT NULL
      )`,
    sql.fragment`
      CREATE TABLE allocations (
        kernel_id text COLLATE "C" PRIMARY KEY,
        session_id text COLLATE "C" NOT NULL,
        agent_id text NOT NULL,
        attempt bigint NOT NULL,
        slots jsonb NOT NULL,
        is_released boolean NOT NULL,
        sequence bigint NOT NULL
      )`,
    sql.fragment`CREATE INDEX ON allocations (session_id)`,
    sql.fragment`CREATE INDEX ON allocations USING hash (agent_id) WHERE NOT is_released`,
    sql.fragment`
      CREATE TABLE nodes (
        id text COLLATE "C" PRIMARY KEY,
        status text NOT NULL,
        is_schedulable boolean NOT NULL,
        driver text NOT NULL,
        architecture text NOT NULL,
        resource_group text NOT NULL,
        version text NOT NULL,
        available_slots jsonb NOT NULL,
        registered_at_ms bigint NOT NULL,
        lost_at_ms bigint,
        status_info text,
        revision bigint NOT NULL,
        sequence bigint NOT NULL
      )`,
    sql.fragment`
      CREATE TABLE images (
        id text COLLATE "C" PRIMARY KEY,
        reference text COLLATE "C" NOT NULL,
        is_forgotten boolean NOT NULL,
        facts jsonb NOT NULL,
        architectures jsonb NOT NULL,
        size_bytes double precision,
        agent_ids jsonb NOT NULL,
        labels jsonb NOT NULL,
        registered_at_ms bigint NOT NULL,
        revision bigint NOT NULL,
        sequence bigint NOT NULL
      )`,
    sql.fragment`CREATE INDEX ON images (reference, id)`,
    sql.fragment`
      CREATE TABLE users (
        id text COLLATE "C" PRIMARY KEY,
        email text NOT NULL,
        username text NOT NULL,
        role text NOT NULL,
        domain text NOT NULL,
        project_id text NOT NULL,
        password_hash text NOT NULL,
        is_active boolean NOT NULL,
        created_at_ms bigint NOT NULL,
        revision bigint NOT NULL,
        sequence bigint NOT NULL
      )`,
    sql.fragment`CREATE INDEX ON users USING hash (lower(email))`,
    sql.fragment`
      CREATE TABLE keypairs (
        access_key text COLLATE "C" PRIMARY KEY,
        user_id text NOT NULL,
        sealed_secret text NOT NULL,
        is_admin boolean NOT NULL,
        rate_limit bigint NOT NULL,
        is_active boolean NOT NULL,
        created_at_ms bigint NOT NULL,
        revision bigint NOT NULL,
        sequence bigint NOT NULL
      )`,
    sql.fragment`CREATE INDEX ON keypairs (user_id)`,
    sql.fragment`
      CREATE TABLE audit (
        sequence bigint PRIMARY KEY,
        commit_id text NOT NULL,
        aggregate text COLLATE "C" NOT NULL,
        aggregate_id text COLLATE "C" NOT NULL,
        first_revision bigint NOT NULL,
        schema_version bigint NOT NULL,
        recorded_at_ms bigint NOT NULL,
        actor_kind text NOT NULL,
        actor_id text NOT NULL,
        command_id text NOT NULL,
        command_type text NOT NULL,
        traceparent text,
        hash text NOT NULL,
        previous_hash text NOT NULL,
        events json NOT NULL
      )`,
    sql.fragment`CREATE INDEX ON audit (aggregate, aggregate_id, sequence)`,
  ],
};
