import { sql } from 'slonik';
import type { Migration } from '../migration.ts';

export const sshKeys: Migration = {
  version: 12,
  name: 'ssh keys',
  statements: [
    sql.fragment`ALTER TABLE users ADD COLUMN ssh_keys jsonb NOT NULL DEFAULT '[]'`,
    sql.fragment`CREATE INDEX ON users USING gin (ssh_keys jsonb_path_ops)`,
  ],
};
