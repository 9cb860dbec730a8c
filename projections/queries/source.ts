import {
  type CommonQueryMethods,
  type FragmentSqlToken,
  type IdentifierSqlToken,
  sql,
} from 'slonik';
import type { Database } from '../database.ts';
import type { Position } from '../page.ts';
import { type Resolution, seriesSchema } from '../statistics/series-tables.ts';
import { qualified } from '../table-sql.ts';
import { tables } from '../tables.ts';

/** Ids of one look-up. */
const LOOKUP_IDS_MAX = 1_000;

/** The tables of one schema, as queries name them. */
export class Source {
  readonly #database: Database;
  readonly #schema: string;

  constructor(database: Database, schema: string) {
    this.#database = database;
    this.#schema = schema;
  }

  /** @throws {ProjectionsUnavailable} */
  read<Value>(query: (connection: CommonQueryMethods) => Promise<Value>): Promise<Value> {
    return this.#database.read(query);
  }

  /** One of the tables of measurements. */
  series(name: Resolution['table']): IdentifierSqlToken {
    return sql.identifier([seriesSchema(this.#schema), name]);
  }

  table(name: keyof typeof tables | 'checkpoint'): IdentifierSqlToken {
    return qualified(this.#schema, name === 'checkpoint' ? { name } : tables[name]);
  }
}

export function boundedIds(ids: readonly string[]): readonly string[] {
  if (ids.length > LOOKUP_IDS_MAX)
    throw new RangeError(`a look-up takes ${LOOKUP_IDS_MAX} ids, not ${ids.length}`);
  return ids;
}

export type Direction = 'ascending' | 'descending';

/** Which rows lie behind a position, and in which order they come. */
export function keyset(
  expression: FragmentSqlToken,
  key: FragmentSqlToken,
  { after, direction }: { readonly after: Position | undefined; readonly direction: Direction },
): { readonly behind: FragmentSqlToken; readonly order: FragmentSqlToken } {
  const isAscending = direction === 'ascending';
  const order = isAscending
    ? sql.fragment`${expression} ASC, ${key} ASC`
    : sql.fragment`${expression} DESC, ${key} DESC`;
  if (after === undefined) return { behind: sql.fragment`TRUE`, order };
  const comparison = isAscending ? sql.fragment`>` : sql.fragment`<`;
  return {
    behind: sql.fragment`(${expression}, ${key}) ${comparison} (${after.value}, ${after.key})`,
    order,
  };
}
