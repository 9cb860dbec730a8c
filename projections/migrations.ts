import type { Migration } from './migration.ts';
import { firstTables } from './migrations/0001-first-tables.ts';
import { quietIndexes } from './migrations/0002-quiet-indexes.ts';
import { administration } from './migrations/0003-administration.ts';
import { holdDetails } from './migrations/0004-hold-details.ts';
import { devices } from './migrations/0005-devices.ts';
import { directory } from './migrations/0006-directory.ts';
import { images } from './migrations/0009-images.ts';
import { heldTime } from './migrations/0010-held-time.ts';
import { troubles } from './migrations/0011-troubles.ts';
import { sshKeys } from './migrations/0012-ssh-keys.ts';

/** All, in the order in which they are applied. */
export const migrations: readonly Migration[] = [
  firstTables,
  quietIndexes,
  administration,
  holdDetails,
  devices,
  directory,
  images,
  heldTime,
  troubles,
  sshKeys,
];
