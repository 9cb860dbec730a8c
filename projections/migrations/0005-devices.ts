import { sql } from 'slonik';
import type { Migration } from '../migration.ts';

export const devices: Migration = {
  version: 5,
  name: 'devices',
  statements: [
    sql.fragment`ALTER TABLE nodes ADD COLUMN devices jsonb NOT NULL DEFAULT '[]'`,
    sql.fragment`ALTER TABLE kernels ADD COLUMN devices jsonb NOT NULL DEFAULT '[]'`,
  ],
};
