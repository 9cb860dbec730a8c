import { type FragmentSqlToken, sql } from 'slonik';
import { arrayLiteral, type RowValues } from './array-literal.ts';
import { qualified } from './table-sql.ts';
import type { ColumnType, Table } from './tables.ts';

/** Rows for one table. */
export interface TableRows {
  readonly table: Table;
  readonly rows: readonly RowValues[];
}

/** Rows for one table: new ones, or ones that are there and of which only the changing columns are written. */
export interface RowWrite extends TableRows {
  readonly mode: 'insert' | 'update';
}

type Place = { readonly schema: string } & Pick<RowWrite, 'table' | 'mode'>;

/**
 * The part of a statement that writes rows, if `condition` holds. A row that is there already with this or
 * a newer sequence stays. Its parameters are what `parametersOf` gives; to be composed once a statement.
 */
export function writingPart(place: Place, condition: FragmentSqlToken): FragmentSqlToken {
  return place.mode === 'insert' ? insertPart(place, condition) : updatePart(place, condition);
}

/** One array a written column. The last of the rows with one key counts. */
export function parametersOf({ table, mode, rows }: RowWrite): readonly string[] {
  const distinct = withoutDoubles(table, rows);
  return writtenColumns(table, mode).map((column) => arrayLiteral(column, distinct));
}

function insertPart({ schema, table }: Place, condition: FragmentSqlToken): FragmentSqlToken {
  const columns = writtenColumns(table, 'insert');
  return sql.fragment`
    INSERT INTO ${qualified(schema, table)} AS target (${namesOf(columns)})
    SELECT * FROM unnest(${arraysOf(columns)}) WHERE ${condition}
    ON CONFLICT (${sql.identifier([table.key])}) DO ${onConflict(table)}`;
}

function onConflict(table: Table): FragmentSqlToken {
  // A row that is found by its place in the log is never newer than itself.
  if (table.key === 'sequence') return sql.fragment`NOTHING`;
  return sql.fragment`
    UPDATE SET ${assignments(table.columns, 'excluded')} WHERE excluded.sequence > target.sequence`;
}

function updatePart({ schema, table }: Place, condition: FragmentSqlToken): FragmentSqlToken {
  const columns = writtenColumns(table, 'update');
  const changes = assignments(
    columns.filter(({ name }) => name !== table.key),
    'newer',
  );
  return sql.fragment`
    UPDATE ${qualified(schema, table)} AS target SET ${changes}
    FROM unnest(${arraysOf(columns)}) AS newer (${namesOf(columns)})
    WHERE ${sql.identifier(['target', table.key])} = ${sql.identifier(['newer', table.key])}
      AND newer.sequence > target.sequence AND ${condition}`;
}

type Columns = Table['columns'];

function writtenColumns({ columns, key }: Table, mode: RowWrite['mode']): Columns {
  if (mode === 'insert') return columns;
  return columns.filter(({ name, isFixed }) => !isFixed || name === key);
}

function namesOf(columns: Columns): FragmentSqlToken {
  const names = columns.map(({ name }) => sql.identifier([name]));
  return sql.fragment`${sql.join(names, sql.fragment`, `)}`;
}

function assignments(columns: Columns, source: string): FragmentSqlToken {
  const changes = columns.map(
    ({ name }) => sql.fragment`${sql.identifier([name])} = ${sql.identifier([source, name])}`,
  );
  return sql.fragment`${sql.join(changes, sql.fragment`, `)}`;
}

/** Parameters that are still empty. */
const EMPTY_ARRAYS: Readonly<Record<ColumnType, FragmentSqlToken>> = {
  text: sql.fragment`${'{}'}::text[]`,
  bool: sql.fragment`${'{}'}::bool[]`,
  int8: sql.fragment`${'{}'}::int8[]`,
  float8: sql.fragment`${'{}'}::float8[]`,
  jsonb: sql.fragment`${'{}'}::jsonb[]`,
  json: sql.fragment`${'{}'}::json[]`,
};

function arraysOf(columns: Columns): FragmentSqlToken {
  const arrays = columns.map(({ type }) => EMPTY_ARRAYS[type]);
  return sql.fragment`${sql.join(arrays, sql.fragment`, `)}`;
}

/** A statement may not write a row twice. */
function withoutDoubles(table: Table, rows: readonly RowValues[]): readonly RowValues[] {
  const key = table.columns.find(({ name }) => name === table.key)?.property ?? table.key;
  const byKey = new Map(rows.map((row) => [row[key], row]));
  return byKey.size === rows.length ? rows : [...byKey.values()];
}
