import { ok } from '@orrery/bus';
import { sql } from 'slonik';
import { z } from 'zod';
import { pageOf, planPage } from '../page.ts';
import type { Paged, PageRequest } from '../projections.ts';
import type { ImageRow } from '../rows.ts';
import { storable } from '../storable-text.ts';
import { columnsOf } from '../table-sql.ts';
import { tables } from '../tables.ts';
import { keyset, type Source } from './source.ts';

const ORDER = { name: 'images', value: 'string', key: 'string' } as const;

export async function listImages(source: Source, request: PageRequest): Paged<ImageRow> {
  const plan = planPage(request, ORDER);
  if (!plan.ok) return plan;
  const { first, after } = plan.value;
  const place = keyset(sql.fragment`i.reference`, sql.fragment`i.id`, {
    after,
    direction: 'ascending',
  });
  const images = source.table('images');
  return await source.read(async (connection) => {
    const totalCount = await connection.oneFirst(
      sql.type(z.object({ count: z.int() }))`
        SELECT count(*) AS count FROM ${images} WHERE NOT is_forgotten AND alias_of IS NULL`,
    );
    const rows = await connection.any(
      sql.type(tables.images.row)`
        SELECT ${columnsOf(tables.images, 'i')} FROM ${images} AS i
        WHERE NOT i.is_forgotten AND i.alias_of IS NULL AND ${place.behind}
        ORDER BY ${place.order} LIMIT ${first + 1}`,
    );
    const paging = { plan: plan.value, order: ORDER };
    return ok(pageOf(rows, totalCount, paging, (row) => ({ value: row.reference, key: row.id })));
  });
}

export async function findImage(source: Source, reference: string): Promise<ImageRow | undefined> {
  const row = await source.read((connection) =>
    connection.maybeOne(
      sql.type(tables.images.row)`
        SELECT ${columnsOf(tables.images, 'i')} FROM ${source.table('images')} AS i
        WHERE i.reference = ${storable(reference)} AND NOT i.is_forgotten
        ORDER BY i.id LIMIT 1`,
    ),
  );
  return row ?? undefined;
}

/** In the order of the names. */
export async function aliasesOf(
  source: Source,
  references: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = await source.read((connection) =>
    connection.any(
      sql.type(z.object({ reference: z.string(), target: z.string() }))`
        SELECT i.reference, i.alias_of AS target FROM ${source.table('images')} AS i
        WHERE i.alias_of = ANY(${sql.array(references.map(storable), 'text')}) AND NOT i.is_forgotten
        ORDER BY i.reference`,
    ),
  );
  const found = Map.groupBy(rows, ({ target }) => target);
  return new Map([...found].map(([target, of]) => [target, of.map(({ reference }) => reference)]));
}
