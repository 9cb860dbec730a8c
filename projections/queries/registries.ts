import { sql } from 'slonik';
import type { RegistryRow } from '../rows.ts';
import { storable } from '../storable-text.ts';
import { columnsOf } from '../table-sql.ts';
import { tables } from '../tables.ts';
import type { Source } from './source.ts';

export async function listRegistries(
  source: Source,
  { limit }: { readonly limit: number },
): Promise<readonly RegistryRow[]> {
  return await source.read((connection) =>
    connection.any(
      sql.type(tables.registries.row)`
        SELECT ${columnsOf(tables.registries, 'r')} FROM ${source.table('registries')} AS r
        WHERE NOT r.is_deleted ORDER BY r.name LIMIT ${limit}`,
    ),
  );
}

export async function findRegistry(source: Source, name: string): Promise<RegistryRow | undefined> {
  const row = await source.read((connection) =>
    connection.maybeOne(
      sql.type(tables.registries.row)`
        SELECT ${columnsOf(tables.registries, 'r')} FROM ${source.table('registries')} AS r
        WHERE r.name = ${storable(name)} AND NOT r.is_deleted ORDER BY r.id LIMIT 1`,
    ),
  );
  return row ?? undefined;
}
