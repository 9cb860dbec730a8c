import { type FragmentSqlToken, type IdentifierSqlToken, sql } from 'slonik';
import type { Table } from './tables.ts';

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
