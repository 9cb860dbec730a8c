import { sql } from 'slonik';
import type { Migration } from '../migration.ts';

export const troubles: Migration = {
  version: 11,
  name: 'troubles',
  statements: [
    sql.fragment`
      ALTER TABLE nodes
        ADD COLUMN troubles jsonb NOT NULL DEFAULT '[]',
        ADD COLUMN is_troubled boolean NOT NULL DEFAULT false`,
  ],
};
