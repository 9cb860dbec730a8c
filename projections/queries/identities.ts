import { sql } from 'slonik';
import type { KeypairRow, UserRow } from '../rows.ts';
import { storable } from '../storable-text.ts';
import { columnsOf } from '../table-sql.ts';
import { tables } from '../tables.ts';
import { boundedIds, type Source } from './source.ts';

export async function usersByIds(
  source: Source,
  ids: readonly string[],
): Promise<readonly UserRow[]> {
  const wanted = sql.array(boundedIds(ids).map(storable), 'text');
  return await source.read((connection) =>
    connection.any(
      sql.type(tables.users.row)`
        SELECT ${columnsOf(tables.users, 'u')} FROM ${source.table('users')} AS u
        WHERE u.id = ANY(${wanted})`,
    ),
  );
}

/** One who may sign in before one who may not, the first who had the address before later ones. */
export async function findUserByEmail(source: Source, email: string): Promise<UserRow | undefined> {
  const row = await source.read((connection) =>
    connection.maybeOne(
      sql.type(tables.users.row)`
        SELECT ${columnsOf(tables.users, 'u')} FROM ${source.table('users')} AS u
        WHERE lower(u.email) = lower(${storable(email)}) AND NOT u.is_purged
        ORDER BY u.is_active DESC, u.created_at_ms, u.id LIMIT 1`,
    ),
  );
  return row ?? undefined;
}

export async function usersOfSshKey(
  source: Source,
  fingerprint: string,
): Promise<readonly UserRow[]> {
  const held = JSON.stringify([{ fingerprint: storable(fingerprint) }]);
  return await source.read((connection) =>
    connection.any(
      sql.type(tables.users.row)`
        SELECT ${columnsOf(tables.users, 'u')} FROM ${source.table('users')} AS u
        WHERE u.ssh_keys @> ${held}::jsonb`,
    ),
  );
}

export async function findKeypair(
  source: Source,
  accessKey: string,
): Promise<KeypairRow | undefined> {
  const row = await source.read((connection) =>
    connection.maybeOne(
      sql.type(tables.keypairs.row)`
        SELECT ${columnsOf(tables.keypairs, 'p')} FROM ${source.table('keypairs')} AS p
        WHERE p.access_key = ${storable(accessKey)} AND NOT p.is_deleted`,
    ),
  );
  return row ?? undefined;
}
