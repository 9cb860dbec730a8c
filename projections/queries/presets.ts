import { sql } from 'slonik';
import type { PresetRow } from '../rows.ts';
import { columnsOf } from '../table-sql.ts';
import { tables } from '../tables.ts';
import type { Source } from './source.ts';

/** All that are offered, the global ones first, then by group and name. */
export async function listPresets(
  source: Source,
  { limit }: { readonly limit: number },
): Promise<readonly PresetRow[]> {
  return await source.read((connection) =>
    connection.any(
      sql.type(tables.presets.row)`
        SELECT ${columnsOf(tables.presets, 'p')} FROM ${source.table('presets')} AS p
        WHERE NOT p.is_deleted
        ORDER BY p.resource_group NULLS FIRST, p.name LIMIT ${limit}`,
    ),
  );
}

export async function findPreset(source: Source, id: string): Promise<PresetRow | undefined> {
  const row = await source.read((connection) =>
    connection.maybeOne(
      sql.type(tables.presets.row)`
        SELECT ${columnsOf(tables.presets, 'p')} FROM ${source.table('presets')} AS p
        WHERE p.id = ${id} AND NOT p.is_deleted`,
    ),
  );
  return row ?? undefined;
}
