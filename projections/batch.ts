import {
  DomainEvent,
  ImageEvent,
  KeypairEvent,
  NodeEvent,
  PolicyEvent,
  PresetEvent,
  ProjectEvent,
  type RecordedCommit,
  RegistryEvent,
  SchedulerEvent,
  SessionEvent,
  UserEvent,
  unreachable,
} from '@orrery/bus';
import type { z } from 'zod';
import { auditOf } from './audit.ts';
import { projectDomain, projectPolicy, projectProject } from './directory.ts';
import { emptyIds, type Folded, type Ids, type Kind } from './folded.ts';
import { projectImage } from './images.ts';
import { projectKeypair } from './keypairs.ts';
import type { Moment } from './moment.ts';
import { projectNode } from './nodes.ts';
import {
  type GroupEvent,
  type LimitsEvent,
  limitsId,
  projectLimits,
  projectResourceGroup,
} from './policies.ts';
import { projectPreset } from './presets.ts';
import { projectRegistry } from './registries.ts';
import type { RowWrite } from './row-writing.ts';
import type { AuditRow } from './rows.ts';
import { projectScheduling, sessionOfSchedulerEvent } from './scheduling.ts';
import { foldSessionEvent } from './session-fold.ts';
import { type Table, tables } from './tables.ts';
import { projectUser } from './users.ts';

interface EventOf {
  readonly session: SessionEvent;
  readonly scheduling: SchedulerEvent;
  readonly node: NodeEvent;
  readonly image: ImageEvent;
  readonly user: UserEvent;
  readonly keypair: KeypairEvent;
  readonly preset: PresetEvent;
  readonly registry: RegistryEvent;
  readonly domain: DomainEvent;
  readonly project: ProjectEvent;
  readonly policy: PolicyEvent;
  readonly group: GroupEvent;
  readonly limits: LimitsEvent;
}
/** `event` is undefined when its shape is none that this version knows: it counts, and no more. */
type BatchEvent = {
  readonly [kind in Kind]: {
    readonly kind: kind;
    readonly id: string;
    readonly at: Moment;
    readonly type: string;
    readonly event: EventOf[kind] | undefined;
  };
}[Kind];

export interface Batch {
  readonly events: readonly BatchEvent[];
  readonly audit: readonly AuditRow[];
  /** Where the log stands behind it. */
  readonly sequence: number;
  readonly hash: string;
}

/** The events of commits, parsed. Takes at least one commit. */
export function parseBatch(commits: readonly RecordedCommit[]): Batch {
  const last = commits.at(-1);
  if (last === undefined) throw new Error('a batch has at least one commit');
  return {
    events: commits.flatMap(eventsOf),
    audit: commits.map(auditOf),
    sequence: last.sequence,
    hash: last.hash,
  };
}

function eventsOf(commit: RecordedCommit): readonly BatchEvent[] {
  const { aggregate, aggregateId: id } = commit;
  switch (aggregate) {
    case 'session':
      return parsed(commit, SessionEvent).map((one) => ({ kind: aggregate, id, ...one }));
    case 'node':
      return parsed(commit, NodeEvent).map((one) => ({ kind: aggregate, id, ...one }));
    case 'image':
      return parsed(commit, ImageEvent).map((one) => ({ kind: aggregate, id, ...one }));
    case 'user':
      return parsed(commit, UserEvent).map((one) => ({ kind: aggregate, id, ...one }));
    case 'keypair':
      return parsed(commit, KeypairEvent).map((one) => ({ kind: aggregate, id, ...one }));
    case 'registry':
      return parsed(commit, RegistryEvent).map((one) => ({ kind: aggregate, id, ...one }));
    case 'preset':
      return parsed(commit, PresetEvent).map((one) => ({ kind: aggregate, id, ...one }));
    case 'domain':
      return parsed(commit, DomainEvent).map((one) => ({ kind: aggregate, id, ...one }));
    case 'project':
      return parsed(commit, ProjectEvent).map((one) => ({ kind: aggregate, id, ...one }));
    case 'policy':
      return parsed(commit, PolicyEvent).map((one) => ({ kind: aggregate, id, ...one }));
    case 'scheduler':
      return parsed(commit, SchedulerEvent).flatMap(ofScheduler);
    case 'archive':
      // It has no rows but those of the audit table.
      return [];
    default:
      return unreachable(aggregate);
  }
}

function ofScheduler({
  event,
  ...place
}: ReturnType<typeof parsed<SchedulerEvent>>[number]): readonly BatchEvent[] {
  if (event === undefined) return [];
  if (event.type === 'group-policy-set' || event.type === 'group-removed')
    return [{ kind: 'group', id: event.group, ...place, event }];
  if (event.type === 'limits-set')
    return [{ kind: 'limits', id: limitsId(event.scope, event.key), ...place, event }];
  const session = sessionOfSchedulerEvent(event);
  return session === undefined ? [] : [{ kind: 'scheduling', id: session, ...place, event }];
}

function parsed<Event>(commit: RecordedCommit, schema: z.ZodType<Event>) {
  const { aggregateId: id, firstRevision, sequence, recordedAtMs } = commit;
  return commit.events.map((raw, index) => ({
    at: { id, revision: firstRevision + index, sequence, recordedAtMs },
    type: raw.type,
    event: schema.safeParse(raw).data,
  }));
}

/** The ids of a kind whose state must be known before the batch can be folded. */
export function neededIds(batch: Batch, kind: Kind): ReadonlySet<string> {
  const needed = new Set<string>();
  const begun = new Set<string>();
  for (const event of batch.events) {
    if (event.kind !== kind || begun.has(event.id)) continue;
    if (isBeginning(event)) begun.add(event.id);
    else needed.add(event.id);
  }
  return needed;
}

/** What is needed and not there. */
export function missingIds(folded: Folded, batch: Batch, kind: Kind): readonly string[] {
  return [...neededIds(batch, kind)].filter((id) => !folded[kind].has(id));
}

function isBeginning(one: BatchEvent): boolean {
  // Each of these says all there is to say.
  if (one.kind === 'group' || one.kind === 'limits') return true;
  if (one.kind !== 'scheduling') return one.at.revision === 1;
  return one.event?.type === 'session-queued' && one.event.queued.attempt === 1;
}

/** Folds a batch into the states, which must hold all that it needs. */
export function foldBatch(folded: Folded, batch: Batch): void {
  for (const one of batch.events) foldEvent(folded, one);
}

function foldEvent(folded: Folded, one: BatchEvent): void {
  const { id, at } = one;
  switch (one.kind) {
    case 'session':
      put(folded.session, id, foldSessionEvent(folded.session.get(id), one.event, at));
      return;
    case 'scheduling': {
      const { event } = one;
      if (event === undefined) return;
      put(folded.scheduling, id, projectScheduling(folded.scheduling.get(id), event, at));
      return;
    }
    case 'node':
      put(folded.node, id, projectNode(folded.node.get(id), one.event, at));
      return;
    case 'image':
      put(folded.image, id, projectImage(folded.image.get(id), one.event, at));
      return;
    case 'user':
      put(folded.user, id, projectUser(folded.user.get(id), one.event, at));
      return;
    case 'keypair':
      put(folded.keypair, id, projectKeypair(folded.keypair.get(id), one.event, at));
      return;
    case 'registry':
      put(folded.registry, id, projectRegistry(folded.registry.get(id), one.event, at));
      return;
    case 'preset':
      put(folded.preset, id, projectPreset(folded.preset.get(id), one.event, at));
      return;
    case 'domain':
      put(folded.domain, id, projectDomain(folded.domain.get(id), one.event, at));
      return;
    case 'project':
      put(folded.project, id, projectProject(folded.project.get(id), one.event, at));
      return;
    case 'policy':
      put(folded.policy, id, projectPolicy(folded.policy.get(id), one.event, at));
      return;
    case 'group':
      put(folded.group, id, one.event && projectResourceGroup(one.event, at));
      return;
    case 'limits':
      put(folded.limits, id, one.event && projectLimits(one.event, at));
      return;
    default:
      unreachable(one);
  }
}

function put<State>(states: Map<string, State>, id: string, state: State | undefined): void {
  if (state !== undefined) states.set(id, state);
}

/** The rows of the states with these ids, table by table. */
export function rowsOf(folded: Folded, ids: Ids) {
  const of = <State>(kind: Kind, states: ReadonlyMap<string, State>): readonly State[] =>
    [...ids[kind]].flatMap((id) => states.get(id) ?? []);
  const sessions = of('session', folded.session);
  const schedulings = of('scheduling', folded.scheduling);
  return [
    rowsFor(
      tables.sessions,
      sessions.map(({ session }) => session),
    ),
    rowsFor(
      tables.kernels,
      sessions.flatMap(({ kernels }) => kernels),
    ),
    rowsFor(
      tables.queue,
      schedulings.flatMap(({ queue }) => queue ?? []),
    ),
    rowsFor(
      tables.allocations,
      schedulings.flatMap(({ allocations }) => allocations),
    ),
    rowsFor(tables.nodes, of('node', folded.node)),
    rowsFor(tables.images, of('image', folded.image)),
    rowsFor(tables.users, of('user', folded.user)),
    rowsFor(tables.keypairs, of('keypair', folded.keypair)),
    rowsFor(tables.presets, of('preset', folded.preset)),
    rowsFor(tables.registries, of('registry', folded.registry)),
    rowsFor(tables.domains, of('domain', folded.domain)),
    rowsFor(tables.projects, of('project', folded.project)),
    rowsFor(tables.policies, of('policy', folded.policy)),
    rowsFor(tables.resourceGroups, of('group', folded.group)),
    rowsFor(tables.limits, of('limits', folded.limits)),
  ] as const;
}

function rowsFor<Row extends object>(table: Table<Row>, rows: readonly Row[]) {
  return { table, rows };
}

/** The rows that a batch changed: those of its ids that lie behind `afterSequence` in the log. */
export function changedRows(
  folded: Folded,
  batch: Batch,
  afterSequence: number,
): readonly RowWrite[] {
  const [sessions, kernels, queue, allocations, ...others] = rowsOf(folded, touchedIds(batch));
  const begun = begunIn(batch);
  const isChanged = ({ sequence }: { readonly sequence: number }): boolean =>
    sequence > afterSequence;
  return [
    ...written(sessions, ({ id }) => begun.has(id)),
    ...written(kernels, ({ sessionId }) => begun.has(sessionId)),
    ...written(queue, ({ sessionId }) => begun.has(sessionId)),
    ...written(allocations, ({ kernelId }) => begun.has(kernelId)),
    ...others.map((each) => ({ ...each, mode: 'insert' as const })),
    { table: tables.audit, mode: 'insert' as const, rows: batch.audit },
  ]
    .map(({ rows, ...place }) => ({ ...place, rows: rows.filter(isChanged) }))
    .filter(({ rows }) => rows.length > 0);
}

function touchedIds(batch: Batch): Ids {
  const ids = emptyIds();
  for (const { kind, id } of batch.events) ids[kind].add(id);
  return ids;
}

/** Ids of the sessions that are new or queued anew, and of the kernels that are given a place. */
function begunIn(batch: Batch): ReadonlySet<string> {
  const begun = new Set<string>();
  for (const { id, event } of batch.events) {
    if (event?.type === 'session-enqueued' || event?.type === 'session-queued') begun.add(id);
    if (event?.type === 'session-placed')
      for (const { kernel } of event.placements) begun.add(kernel);
  }
  return begun;
}

/** Rows that may be new are inserted, which also writes one that is there; the others are updated. */
function written<Row extends object>(
  { table, rows }: { readonly table: Table<Row>; readonly rows: readonly Row[] },
  isNew: (row: Row) => boolean,
) {
  const groups = Object.groupBy(rows, (row) => (isNew(row) ? 'insert' : 'update'));
  return (['insert', 'update'] as const).map((mode) => ({ table, mode, rows: groups[mode] ?? [] }));
}
