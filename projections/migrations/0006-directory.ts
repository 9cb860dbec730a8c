import { sql } from 'slonik';
import type { Migration } from '../migration.ts';

/** Who is there already gets what a fold of their events gives. */
export const directory: Migration = {
  version: 6,
  name: 'directory',
  statements: [
    sql.fragment`
      ALTER TABLE users
        ADD COLUMN projects jsonb NOT NULL DEFAULT '[]',
        ADD COLUMN password_changed_at_ms bigint,
        ADD COLUMN need_password_change boolean NOT NULL DEFAULT false,
        ADD COLUMN full_name text NOT NULL DEFAULT '',
        ADD COLUMN description text NOT NULL DEFAULT '',
        ADD COLUMN status text NOT NULL DEFAULT 'active',
        ADD COLUMN status_info text,
        ADD COLUMN resource_policy text NOT NULL DEFAULT 'default',
        ADD COLUMN allowed_client_ip jsonb,
        ADD COLUMN sudo_session_enabled boolean NOT NULL DEFAULT false,
        ADD COLUMN main_access_key text,
        ADD COLUMN is_purged boolean NOT NULL DEFAULT false,
        ADD COLUMN modified_at_ms bigint NOT NULL DEFAULT 0`,
    sql.fragment`
      UPDATE users AS u SET
        projects = jsonb_build_array(
          jsonb_build_object('projectId', u.project_id, 'role', 'member')),
        status = CASE WHEN u.is_active THEN 'active' ELSE 'inactive' END,
        password_changed_at_ms = (
          SELECT a.recorded_at_ms FROM audit AS a, json_array_elements(a.events) AS event
          WHERE a.aggregate = 'user' AND a.aggregate_id = u.id
            AND event ->> 'type' = 'user-password-changed'
          ORDER BY a.sequence DESC LIMIT 1),
        modified_at_ms = coalesce(
          (SELECT a.recorded_at_ms FROM audit AS a WHERE a.sequence = u.sequence), u.created_at_ms)`,
    sql.fragment`CREATE INDEX ON users USING gin (projects jsonb_path_ops)`,
    sql.fragment`CREATE INDEX ON users (domain, email)`,
    sql.fragment`CREATE INDEX ON users USING hash (lower(username))`,
    sql.fragment`
      ALTER TABLE keypairs
        ADD COLUMN resource_policy text,
        ADD COLUMN is_deleted boolean NOT NULL DEFAULT false`,
    sql.fragment`
      CREATE TABLE domains (
        id text COLLATE "C" PRIMARY KEY,
        name text COLLATE "C" NOT NULL,
        description text NOT NULL,
        is_active boolean NOT NULL,
        total_resource_slots jsonb NOT NULL,
        allowed_vfolder_hosts jsonb NOT NULL,
        allowed_docker_registries jsonb NOT NULL,
        integration_id text,
        is_purged boolean NOT NULL,
        created_at_ms bigint NOT NULL,
        modified_at_ms bigint NOT NULL,
        revision bigint NOT NULL,
        sequence bigint NOT NULL
      )`,
    sql.fragment`
      CREATE TABLE projects (
        id text COLLATE "C" PRIMARY KEY,
        name text COLLATE "C" NOT NULL,
        domain text COLLATE "C" NOT NULL,
        project_type text NOT NULL,
        description text NOT NULL,
        is_active boolean NOT NULL,
        total_resource_slots jsonb NOT NULL,
        allowed_vfolder_hosts jsonb NOT NULL,
        integration_id text NOT NULL,
        resource_policy text NOT NULL,
        container_registry jsonb,
        is_purged boolean NOT NULL,
        created_at_ms bigint NOT NULL,
        modified_at_ms bigint NOT NULL,
        revision bigint NOT NULL,
        sequence bigint NOT NULL
      )`,
    sql.fragment`CREATE INDEX ON projects (domain, name)`,
    sql.fragment`
      CREATE TABLE policies (
        id text COLLATE "C" PRIMARY KEY,
        kind text NOT NULL,
        name text COLLATE "C" NOT NULL,
        policy jsonb NOT NULL,
        is_deleted boolean NOT NULL,
        created_at_ms bigint NOT NULL,
        revision bigint NOT NULL,
        sequence bigint NOT NULL
      )`,
  ],
};
