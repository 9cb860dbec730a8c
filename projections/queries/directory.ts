import { directoryId, ok } from '@orrery/bus';
import { type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';
import type { DirectoryProjections } from '../directory-projections.ts';
import { pageOf, planPage } from '../page.ts';
import type { Paged, PageRequest } from '../projections.ts';
import { storable } from '../storable-text.ts';
import { columnsOf } from '../table-sql.ts';
import { type Table, tables } from '../tables.ts';
import {
  visibleDomains,
  visibleKeypairs,
  visiblePolicies,
  visibleProjects,
  visibleUsers,
} from './directory-visibility.ts';
import { keyset, type Source } from './source.ts';

/** One table of the directory, and how its rows are listed. */
interface Shelf<Row extends object> {
  readonly table: Table<Row>;
  readonly name: keyof typeof tables;
  readonly alias: string;
  /** Column and property that rows are ordered by, then by the key. */
  readonly order: { readonly column: string; readonly of: (row: Row) => string };
  readonly key: { readonly column: string; readonly of: (row: Row) => string };
}

const domains: Shelf<z.infer<typeof tables.domains.row>> = {
  table: tables.domains,
  name: 'domains',
  alias: 'd',
  order: { column: 'name', of: ({ name }) => name },
  key: { column: 'id', of: ({ id }) => id },
};
const projects: Shelf<z.infer<typeof tables.projects.row>> = {
  table: tables.projects,
  name: 'projects',
  alias: 'p',
  order: { column: 'name', of: ({ name }) => name },
  key: { column: 'id', of: ({ id }) => id },
};
const users: Shelf<z.infer<typeof tables.users.row>> = {
  table: tables.users,
  name: 'users',
  alias: 'u',
  order: { column: 'email', of: ({ email }) => email },
  key: { column: 'id', of: ({ id }) => id },
};
const keypairs: Shelf<z.infer<typeof tables.keypairs.row>> = {
  table: tables.keypairs,
  name: 'keypairs',
  alias: 'k',
  order: { column: 'access_key', of: ({ accessKey }) => accessKey },
  key: { column: 'access_key', of: ({ accessKey }) => accessKey },
};
const policies: Shelf<z.infer<typeof tables.policies.row>> = {
  table: tables.policies,
  name: 'policies',
  alias: 'o',
  order: { column: 'name', of: ({ name }) => name },
  key: { column: 'id', of: ({ id }) => id },
};

export function directoryQueries(source: Source): DirectoryProjections {
  return {
    listDomains: (listing) =>
      list(source, domains, listing, [
        sql.fragment`NOT d.is_purged`,
        visibleDomains(source, listing.visibility),
        ...equal(sql.fragment`d.is_active`, listing.isActive),
      ]),
    findDomain: (name, visibility) =>
      find(source, domains, [
        sql.fragment`d.id = ${directoryId('domain', name)} AND NOT d.is_purged`,
        visibleDomains(source, visibility),
      ]),
    listProjects: (listing) =>
      list(source, projects, listing, [
        sql.fragment`NOT p.is_purged`,
        visibleProjects(source, listing.visibility),
        ...equal(sql.fragment`p.domain`, listing.domain),
        ...equal(sql.fragment`p.is_active`, listing.isActive),
        ...equal(sql.fragment`p.name`, listing.name),
      ]),
    findProject: (id, visibility) =>
      find(source, projects, [
        sql.fragment`p.id = ${storable(id)} AND NOT p.is_purged`,
        visibleProjects(source, visibility),
      ]),
    ...userQueries(source),
    listPolicies: (listing) =>
      list(source, policies, listing, [
        sql.fragment`NOT o.is_deleted AND o.kind = ${listing.kind}`,
        visiblePolicies(source, listing.visibility, listing.kind),
      ]),
    findPolicy: ({ kind, name }, visibility) =>
      find(source, policies, [
        sql.fragment`NOT o.is_deleted AND o.id = ${directoryId('policy', kind, name)}`,
        visiblePolicies(source, visibility, kind),
      ]),
  };
}

function userQueries(
  source: Source,
): Pick<
  DirectoryProjections,
  'listUsers' | 'findVisibleUser' | 'listKeypairs' | 'findVisibleKeypair'
> {
  return {
    listUsers: (listing) => {
      const { projectId } = listing;
      const member = projectId && JSON.stringify([{ projectId: storable(projectId) }]);
      return list(source, users, listing, [
        sql.fragment`NOT u.is_purged`,
        visibleUsers(listing.visibility),
        ...equal(sql.fragment`u.domain`, listing.domain),
        ...equal(sql.fragment`u.status`, listing.status),
        ...equal(sql.fragment`u.role`, listing.role),
        ...(member === undefined ? [] : [sql.fragment`u.projects @> ${member}::jsonb`]),
      ]);
    },
    findVisibleUser: (by, visibility) => {
      const isWanted =
        'id' in by
          ? sql.fragment`u.id = ${storable(by.id)}`
          : 'email' in by
            ? sql.fragment`lower(u.email) = lower(${storable(by.email)})`
            : sql.fragment`lower(u.username) = lower(${storable(by.username)})`;
      return find(source, users, [
        isWanted,
        sql.fragment`NOT u.is_purged`,
        visibleUsers(visibility),
      ]);
    },
    listKeypairs: (listing) => {
      const { domain } = listing;
      const ofDomain =
        domain === undefined
          ? []
          : [
              sql.fragment`k.user_id IN (
                SELECT u.id FROM ${source.table('users')} AS u WHERE u.domain = ${storable(domain)})`,
            ];
      return list(source, keypairs, listing, [
        sql.fragment`NOT k.is_deleted`,
        visibleKeypairs(source, listing.visibility),
        ...equal(sql.fragment`k.user_id`, listing.userId),
        ...equal(sql.fragment`k.is_active`, listing.isActive),
        ...ofDomain,
      ]);
    },
    findVisibleKeypair: (accessKey, visibility) =>
      find(source, keypairs, [
        sql.fragment`k.access_key = ${storable(accessKey)} AND NOT k.is_deleted`,
        visibleKeypairs(source, visibility),
      ]),
  };
}

function equal(
  column: FragmentSqlToken,
  value: string | boolean | undefined,
): readonly FragmentSqlToken[] {
  if (value === undefined) return [];
  return [sql.fragment`${column} = ${typeof value === 'string' ? storable(value) : value}`];
}

async function list<Row extends object>(
  source: Source,
  shelf: Shelf<Row>,
  request: PageRequest,
  conditions: readonly FragmentSqlToken[],
): Paged<Row> {
  const { table, name, alias, order, key } = shelf;
  const ordering = { name, value: 'string', key: 'string' } as const;
  const plan = planPage(request, ordering);
  if (!plan.ok) return plan;
  const { first, after } = plan.value;
  const place = keyset(
    sql.fragment`${sql.identifier([alias, order.column])} COLLATE "C"`,
    sql.fragment`${sql.identifier([alias, key.column])}`,
    { after, direction: 'ascending' },
  );
  const taken = sql.and([...conditions]);
  const from = sql.fragment`${source.table(name)} AS ${sql.identifier([alias])}`;
  return await source.read(async (connection) => {
    const totalCount = await connection.oneFirst(
      sql.type(z.object({ count: z.int() }))`SELECT count(*) AS count FROM ${from} WHERE ${taken}`,
    );
    const rows = await connection.any(
      sql.type(table.row)`
        SELECT ${columnsOf(table, alias)} FROM ${from} WHERE ${taken} AND ${place.behind}
        ORDER BY ${place.order} LIMIT ${first + 1}`,
    );
    const paging = { plan: plan.value, order: ordering };
    return ok(
      pageOf(rows, totalCount, paging, (row) => ({ value: order.of(row), key: key.of(row) })),
    );
  });
}

async function find<Row extends object>(
  source: Source,
  { table, name, alias, key }: Shelf<Row>,
  conditions: readonly FragmentSqlToken[],
): Promise<Row | undefined> {
  const from = sql.fragment`${source.table(name)} AS ${sql.identifier([alias])}`;
  const row = await source.read((connection) =>
    connection.maybeOne(
      sql.type(table.row)`
        SELECT ${columnsOf(table, alias)} FROM ${from} WHERE ${sql.and([...conditions])}
        ORDER BY ${sql.identifier([alias, key.column])} LIMIT 1`,
    ),
  );
  return row ?? undefined;
}
