import { type FragmentSqlToken, type IdentifierSqlToken, sql } from 'slonik';
import { storable, storableJson } from './storable-text.ts';
import type { ColumnType, Table } from './tables.ts';

export function qualified(schema: string, table: Pick<Table, 'name'>): IdentifierSqlToken {
  return sql.identifier([schema, table.name]);
}

/**
 * All columns of a table under the names of its row's properties, or what stands `instead` of some;
 * `alias` is what the query calls the table. To be composed once a query, not once an execution.
 */
export function columnsOf(
  table: Table,
  alias: string,
  instead: Readonly<Record<string, FragmentSqlToken>> = {},
): FragmentSqlToken {
  const columns = sql.join(
    table.columns.map(({ name, property }) => {
      const value = instead[property] ?? sql.identifier([alias, name]);
      return sql.fragment`${value} AS ${sql.identifier([property])}`;
    }),
    sql.fragment`, `,
  );
  return sql.fragment`${columns}`;
}

/** What the columns alone decide is composed once a table, and not once a batch. */
const writtenParts = new WeakMap<Table['columns'], ReturnType<typeof composeParts>>();

function partsOf(table: Table): ReturnType<typeof composeParts> {
  const known = writtenParts.get(table.columns);
  if (known !== undefined) return known;
  const parts = composeParts(table);
  writtenParts.set(table.columns, parts);
  return parts;
}

function composeParts({ columns, key }: Table) {
  const names = sql.join(
    columns.map(({ name }) => sql.identifier([name])),
    sql.fragment`, `,
  );
  const changes = sql.join(
    columns.map(
      ({ name }) => sql.fragment`${sql.identifier([name])} = ${sql.identifier(['excluded', name])}`,
    ),
    sql.fragment`, `,
  );
  return {
    names: sql.fragment`${names}`,
    onConflict: sql.fragment`ON CONFLICT (${sql.identifier([key])}) DO UPDATE SET ${changes}
    WHERE excluded.sequence > target.sequence`,
    types: columns.map(({ type }) => type),
  };
}

/**
 * One statement's part that writes rows, if `condition` holds. A row that is there already with this or a
 * newer sequence stays.
 */
export function upsert(
  place: { readonly schema: string; readonly table: Table },
  rows: readonly object[],
  condition: FragmentSqlToken,
): FragmentSqlToken {
  const { schema, table } = place;
  const { names, onConflict, types } = partsOf(table);
  const tuples = withoutDoubles(table, rows).map((row) =>
    table.columns.map(({ type, property }) => parameterOf(type, row[property])),
  );
  return sql.fragment`
    INSERT INTO ${qualified(schema, table)} AS target (${names})
    SELECT * FROM ${sql.unnest(tuples, types)}
    WHERE ${condition}
    ${onConflict}`;
}

/** The last of the rows with one key: a statement may not write a row twice. */
function withoutDoubles(
  table: Table,
  rows: readonly object[],
): readonly Readonly<Record<string, unknown>>[] {
  const key = table.columns.find(({ name }) => name === table.key)?.property ?? table.key;
  const byKey = new Map<unknown, Readonly<Record<string, unknown>>>();
  for (const row of rows) {
    const values: Readonly<Record<string, unknown>> = { ...row };
    byKey.set(values[key], values);
  }
  return [...byKey.values()];
}

type Parameter = string | number | boolean | null;

function parameterOf(type: ColumnType, value: unknown): Parameter {
  if (value === null || value === undefined) return null;
  if (type === 'jsonb' || type === 'json') return storableJson(value);
  if (typeof value === 'string') return storable(value);
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  throw new Error(`a column of type ${type} cannot hold a ${typeof value}`);
}
