import { type DomainEvent, type PolicyEvent, type ProjectEvent, unreachable } from '@orrery/bus';
import { instantMs, type Moment, placeOf } from './moment.ts';
import type { DomainRow, PolicyRow, ProjectRow } from './rows.ts';

/** What one event does to the row of a domain; undefined stands for one of an unknown type. */
export function projectDomain(
  row: DomainRow | undefined,
  event: DomainEvent | undefined,
  at: Moment,
): DomainRow | undefined {
  const modifiedAtMs = instantMs(at.recordedAtMs);
  if (event?.type === 'domain-created') {
    const { name, settings } = event;
    const born = { isPurged: false, createdAtMs: modifiedAtMs, modifiedAtMs };
    return { id: at.id, name, ...settings, ...born, ...placeOf(at) };
  }
  if (row === undefined) return undefined;
  if (event === undefined) return { ...row, ...placeOf(at) };
  switch (event.type) {
    case 'domain-changed':
      return { ...row, ...defined<DomainRow>(event.changes), modifiedAtMs, ...placeOf(at) };
    case 'domain-purged':
      return { ...row, isActive: false, isPurged: true, modifiedAtMs, ...placeOf(at) };
    default:
      return unreachable(event);
  }
}

/** What one event does to the row of a project; undefined stands for one of an unknown type. */
export function projectProject(
  row: ProjectRow | undefined,
  event: ProjectEvent | undefined,
  at: Moment,
): ProjectRow | undefined {
  const modifiedAtMs = instantMs(at.recordedAtMs);
  if (event?.type === 'project-created') {
    const { domain, projectType, settings } = event;
    const born = { isPurged: false, createdAtMs: modifiedAtMs, modifiedAtMs };
    return { id: at.id, domain, projectType, ...settings, ...born, ...placeOf(at) };
  }
  if (row === undefined) return undefined;
  if (event === undefined) return { ...row, ...placeOf(at) };
  switch (event.type) {
    case 'project-changed':
      return { ...row, ...defined<ProjectRow>(event.changes), modifiedAtMs, ...placeOf(at) };
    case 'project-purged':
      return { ...row, isActive: false, isPurged: true, modifiedAtMs, ...placeOf(at) };
    default:
      return unreachable(event);
  }
}

/** What one event does to the row of a resource policy; undefined stands for one of an unknown type. */
export function projectPolicy(
  row: PolicyRow | undefined,
  event: PolicyEvent | undefined,
  at: Moment,
): PolicyRow | undefined {
  if (event?.type === 'policy-set') {
    const { name, policy } = event;
    const isNew = row === undefined || row.isDeleted;
    return {
      id: at.id,
      kind: policy.kind,
      name,
      policy,
      isDeleted: false,
      createdAtMs: isNew ? instantMs(at.recordedAtMs) : row.createdAtMs,
      ...placeOf(at),
    };
  }
  if (row === undefined) return undefined;
  if (event?.type === 'policy-deleted') return { ...row, isDeleted: true, ...placeOf(at) };
  return { ...row, ...placeOf(at) };
}

function defined<Row>(changes: object): Partial<Row> {
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Partial<Row>;
}
