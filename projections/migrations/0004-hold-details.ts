import { sql } from 'slonik';
import type { Migration } from '../migration.ts';

export const holdDetails: Migration = {
  version: 4,
  name: 'hold-details',
  statements: [sql.fragment`ALTER TABLE queue ADD COLUMN reason_details jsonb`],
};
