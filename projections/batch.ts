import {
  ImageEvent,
  KeypairEvent,
  NodeEvent,
  type RecordedCommit,
  SchedulerEvent,
  SessionEvent,
  UserEvent,
  unreachable,
} from '@orrery/bus';
import type { z } from 'zod';
import { auditOf } from './audit.ts';
import { projectImage } from './images.ts';
import { projectKeypair } from './keypairs.ts';
import type { Moment } from './moment.ts';
import { projectNode } from './nodes.ts';
import type { SessionWithKernels } from './projections.ts';
import type { AuditRow, ImageRow, KeypairRow, NodeRow, UserRow } from './rows.ts';
import { projectScheduling, type Scheduling, sessionOfSchedulerEvent } from './scheduling.ts';
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
}
interface StateOf {
  readonly session: SessionWithKernels;
  readonly scheduling: Scheduling;
  readonly node: NodeRow;
  readonly image: ImageRow;
  readonly user: UserRow;
  readonly keypair: KeypairRow;
}
/** What is folded as one: the rows of one aggregate, or the scheduler's rows of one session. */
export type Kind = keyof StateOf;
export const KINDS = [
  'session',
  'scheduling',
  'node',
  'image',
  'user',
  'keypair',
] as const satisfies readonly Kind[];

/** Folded states by id. */
export type Folded = { readonly [kind in Kind]: Map<string, StateOf[kind]> };

export function emptyFolded(): Folded {
  return {
    session: new Map(),
    scheduling: new Map(),
    node: new Map(),
    image: new Map(),
    user: new Map(),
    keypair: new Map(),
  };
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
    case 'scheduler':
      return parsed(commit, SchedulerEvent).flatMap((one): readonly BatchEvent[] => {
        const session = one.event && sessionOfSchedulerEvent(one.event);
        return session === undefined ? [] : [{ kind: 'scheduling', id: session, ...one }];
      });
    default:
      return unreachable(aggregate);
  }
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

function isBeginning(one: BatchEvent): boolean {
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
    default:
      unreachable(one);
  }
}

function put<State>(states: Map<string, State>, id: string, state: State | undefined): void {
  if (state !== undefined) states.set(id, state);
}

/** Rows to write into one table. */
export interface TableRows {
  readonly table: Table;
  readonly rows: readonly object[];
}

/** The rows that a batch changed: those of its ids that lie behind `afterSequence` in the log. */
export function changedRows(
  folded: Folded,
  batch: Batch,
  afterSequence: number,
): readonly TableRows[] {
  const touched = <State>(kind: Kind, states: ReadonlyMap<string, State>): readonly State[] => {
    const ids = new Set(batch.events.filter((one) => one.kind === kind).map(({ id }) => id));
    return [...ids].flatMap((id) => states.get(id) ?? []);
  };
  const sessions = touched('session', folded.session);
  const schedulings = touched('scheduling', folded.scheduling);
  const all = [
    { table: tables.sessions, rows: sessions.map(({ session }) => session) },
    { table: tables.kernels, rows: sessions.flatMap(({ kernels }) => kernels) },
    { table: tables.queue, rows: schedulings.flatMap(({ queue }) => queue ?? []) },
    { table: tables.allocations, rows: schedulings.flatMap(({ allocations }) => allocations) },
    { table: tables.nodes, rows: touched('node', folded.node) },
    { table: tables.images, rows: touched('image', folded.image) },
    { table: tables.users, rows: touched('user', folded.user) },
    { table: tables.keypairs, rows: touched('keypair', folded.keypair) },
    { table: tables.audit, rows: batch.audit },
  ];
  return all
    .map(({ table, rows }) => ({
      table,
      rows: rows.filter(({ sequence }) => sequence > afterSequence),
    }))
    .filter(({ rows }) => rows.length > 0);
}
