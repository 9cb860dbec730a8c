import { sql } from 'slonik';
import type { Migration } from '../migration.ts';

export const images: Migration = {
  version: 9,
  name: 'images',
  statements: [
    sql.fragment`
      ALTER TABLE images
        ADD COLUMN platforms jsonb NOT NULL DEFAULT '[]',
        ADD COLUMN alias_of text COLLATE "C"`,
    sql.fragment`CREATE INDEX ON images (alias_of) WHERE alias_of IS NOT NULL`,
    sql.fragment`ALTER TABLE kernels ADD COLUMN pull_progress jsonb`,
    sql.fragment`
      CREATE TABLE registries (
        id text COLLATE "C" PRIMARY KEY,
        name text COLLATE "C" NOT NULL,
        url text NOT NULL,
        project text,
        username text,
        sealed_password text,
        is_deleted boolean NOT NULL,
        created_at_ms bigint NOT NULL,
        revision bigint NOT NULL,
        sequence bigint NOT NULL
      )`,
    sql.fragment`CREATE INDEX ON registries (name)`,
  ],
};
