import { type PolicyKind, unreachable } from '@orrery/bus';
import { type FragmentSqlToken, sql } from 'slonik';
import { storable } from '../storable-text.ts';
import type { Visibility } from '../visibility.ts';
import type { Source } from './source.ts';

/** Of users, as `u`. Who administers projects sees their members. */
export function visibleUsers(visibility: Visibility): FragmentSqlToken {
  switch (visibility.kind) {
    case 'all':
      return sql.fragment`TRUE`;
    case 'domain':
      return sql.fragment`(u.domain = ${storable(visibility.domain)}
        OR u.id = ${storable(visibility.userId)})`;
    case 'projects': {
      const memberships = visibility.projects.map((project) => membership(storable(project)));
      const isMember = sql.join(
        memberships.map((one) => sql.fragment`u.projects @> ${one}`),
        sql.fragment` OR `,
      );
      return sql.fragment`(u.id = ${storable(visibility.userId)}
        OR u.domain = ${storable(visibility.domain)} AND (${isMember}))`;
    }
    case 'user':
      return sql.fragment`u.id = ${storable(visibility.userId)}`;
    default:
      return unreachable(visibility);
  }
}

function membership(project: string): FragmentSqlToken {
  return sql.fragment`${JSON.stringify([{ projectId: project }])}::jsonb`;
}

/** Of key pairs, as `k`. */
export function visibleKeypairs(source: Source, visibility: Visibility): FragmentSqlToken {
  if (visibility.kind === 'all') return sql.fragment`TRUE`;
  if (visibility.kind === 'user') return sql.fragment`k.user_id = ${storable(visibility.userId)}`;
  return sql.fragment`k.user_id IN (
    SELECT u.id FROM ${source.table('users')} AS u
    WHERE NOT u.is_purged AND ${visibleUsers(visibility)})`;
}

/** Of projects, as `p`: to members those that they belong to. */
export function visibleProjects(source: Source, visibility: Visibility): FragmentSqlToken {
  if (visibility.kind === 'all') return sql.fragment`TRUE`;
  if (visibility.kind === 'domain') return sql.fragment`p.domain = ${storable(visibility.domain)}`;
  return sql.fragment`p.id IN (${projectsOf(source, visibility.userId)})`;
}

function projectsOf(source: Source, userId: string): FragmentSqlToken {
  return sql.fragment`
    SELECT one ->> 'projectId' FROM ${source.table('users')} AS u,
      jsonb_array_elements(u.projects) AS one
    WHERE u.id = ${storable(userId)}`;
}

/** Of domains, as `d`: everybody sees their own. */
export function visibleDomains(source: Source, visibility: Visibility): FragmentSqlToken {
  if (visibility.kind === 'all') return sql.fragment`TRUE`;
  return sql.fragment`d.name = (
    SELECT u.domain FROM ${source.table('users')} AS u WHERE u.id = ${storable(visibility.userId)})`;
}

/** Of policies of a kind, as `o`: who administers a domain sees all, others those that count for them. */
export function visiblePolicies(
  source: Source,
  visibility: Visibility,
  kind: PolicyKind,
): FragmentSqlToken {
  if (visibility.kind === 'all' || visibility.kind === 'domain') return sql.fragment`TRUE`;
  const userId = storable(visibility.userId);
  switch (kind) {
    case 'keypair':
      return sql.fragment`o.name IN (
        SELECT k.resource_policy FROM ${source.table('keypairs')} AS k
        WHERE k.user_id = ${userId} AND NOT k.is_deleted)`;
    case 'user':
      return sql.fragment`o.name IN (
        SELECT u.resource_policy FROM ${source.table('users')} AS u WHERE u.id = ${userId})`;
    case 'project':
      return sql.fragment`o.name IN (
        SELECT p.resource_policy FROM ${source.table('projects')} AS p
        WHERE p.id IN (${projectsOf(source, visibility.userId)}))`;
    default:
      return unreachable(kind);
  }
}

/** Commits of the audit, as `a`, that who administers a domain sees besides those of its sessions. */
export function directoryEntries(
  source: Source,
  visibility: Visibility,
): readonly FragmentSqlToken[] {
  if (visibility.kind !== 'domain') return [];
  const domain = storable(visibility.domain);
  const users = sql.fragment`
    SELECT u.id FROM ${source.table('users')} AS u WHERE u.domain = ${domain}`;
  return [
    sql.fragment`a.aggregate = 'user' AND a.aggregate_id IN (${users})`,
    sql.fragment`a.aggregate = 'keypair' AND a.aggregate_id IN (
      SELECT k.access_key FROM ${source.table('keypairs')} AS k WHERE k.user_id IN (${users}))`,
    sql.fragment`a.aggregate = 'project' AND a.aggregate_id IN (
      SELECT p.id FROM ${source.table('projects')} AS p WHERE p.domain = ${domain})`,
    sql.fragment`a.aggregate = 'domain' AND a.aggregate_id IN (
      SELECT d.id FROM ${source.table('domains')} AS d WHERE d.name = ${domain})`,
  ];
}
