import type { Migration } from './migration.ts';
import { firstTables } from './migrations/0001-first-tables.ts';

/** All, in the order in which they are applied. */
export const migrations: readonly Migration[] = [firstTables];
