import { sql } from 'slonik';
import type { Migration } from '../migration.ts';

export const administration: Migration = {
  version: 3,
  name: 'administration',
  statements: [
    sql.fragment`
      CREATE TABLE presets (
        id text COLLATE "C" PRIMARY KEY,
        name text COLLATE "C" NOT NULL,
        resource_group text COLLATE "C",
        slots jsonb NOT NULL,
        shared_memory_bytes bigint,
        is_deleted boolean NOT NULL,
        created_at_ms bigint NOT NULL,
        revision bigint NOT NULL,
        sequence bigint NOT NULL
      )`,
    sql.fragment`
      CREATE TABLE resource_groups (
        name text COLLATE "C" PRIMARY KEY,
        policy jsonb,
        set_at_ms bigint NOT NULL,
        sequence bigint NOT NULL
      )`,
    sql.fragment`
      CREATE TABLE limits (
        id text COLLATE "C" PRIMARY KEY,
        scope text NOT NULL,
        key text NOT NULL,
        limits jsonb,
        set_at_ms bigint NOT NULL,
        sequence bigint NOT NULL
      )`,
  ],
};
