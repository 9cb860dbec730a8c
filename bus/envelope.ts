import { z } from 'zod';

/** The kinds of things that have a log of their own. */
export const AggregateName = z.enum([
  'session',
  'scheduler',
  'node',
  'image',
  'user',
  'keypair',
  'archive',
  'preset',
  'domain',
  'project',
  'policy',
  'registry',
]);
export type AggregateName = z.infer<typeof AggregateName>;

/** One token of a subject: what an aggregate's id may be. */
export const AGGREGATE_ID = /^[A-Za-z0-9_-]{1,128}$/;
export const AggregateId = z.string().regex(AGGREGATE_ID);

/** Who asked for it: a person, an agent under its node's name, or a part of the control plane. */
export const Actor = z.object({ kind: z.enum(['user', 'agent', 'system']), id: z.string().min(1) });
export type Actor = Readonly<z.infer<typeof Actor>>;

/**
 * A command on its way to an aggregate. `id` is also the broker's de-duplication key: the same id sent
 * again within two minutes is stored once.
 */
export interface CommandEnvelope<Command = unknown> {
  readonly id: string;
  readonly aggregate: AggregateName;
  readonly aggregateId: string;
  readonly actor: Actor;
  readonly sentAtMs: number;
  /** W3C trace context of the span that sent it. */
  readonly traceparent?: string | undefined;
  /** Subject on which the sender waits for the outcome. */
  readonly replyTo?: string | undefined;
  /**
   * Present when it was given to somebody before, who may have committed it: such a commit lies behind this
   * place of the log. Its aggregate then finds out whether there is one.
   */
  readonly againAfter?: number | undefined;
  readonly command: Command;
}

export const CommandEnvelopeSchema = z.object({
  id: z.string().min(1).max(256),
  aggregate: AggregateName,
  aggregateId: AggregateId,
  actor: Actor,
  sentAtMs: z.number(),
  traceparent: z.string().optional(),
  replyTo: z.string().optional(),
  againAfter: z.int().min(0).optional(),
  command: z.looseObject({ type: z.string() }),
});

/**
 * What a sender learns: the place of the aggregate's newest commit (`sequence` 0: it has none), or the
 * refusal. `hasChanged`: a commit stands for this very command; false when all was so already, perhaps
 * by the same command met before. Absent from hosts of an earlier version.
 */
export type Outcome =
  | {
      readonly ok: true;
      readonly revision: number;
      readonly sequence: number;
      readonly hasChanged?: boolean | undefined;
    }
  | { readonly ok: false; readonly error: Rejection };

/** The domain says no. `code` is stable, `message` is for people, `field` names the input at fault. */
export interface Rejection {
  readonly code: string;
  readonly message: string;
  readonly field?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/** A command that a commit stands for, and its place in the inbox. */
export interface CommittedCommand {
  readonly id: string;
  readonly type: string;
  readonly inboxSequence: number;
  /** Who asked, if that was another than the commit's actor. */
  readonly actor?: Actor | undefined;
}

/**
 * One message of the log: the events of one turn, in one aggregate. Never rewritten.
 * Each event's revision is `firstRevision` plus its index; revisions start at 1 and have no gaps.
 */
export interface Commit<Event extends { readonly type: string } = { readonly type: string }> {
  readonly id: string;
  readonly aggregate: AggregateName;
  readonly aggregateId: string;
  readonly firstRevision: number;
  /** Shape of `events`. Readers upcast older shapes; writers write only the newest. */
  readonly schemaVersion: number;
  readonly recordedAtMs: number;
  readonly actor: Actor;
  /** The command that caused it, the last of them if there were several, and its place in the inbox. */
  readonly commandId: string;
  readonly commandType: string;
  readonly inboxSequence: number;
  /** All commands that it stands for, in their order; absent when it is one. */
  readonly commands?: readonly CommittedCommand[] | undefined;
  readonly traceparent?: string | undefined;
  /** SHA-256 (hex) of the previous commit's message body of this aggregate; empty for the first. */
  readonly previousHash: string;
  readonly events: readonly Event[];
}

const CommittedCommand = z.object({
  id: z.string(),
  type: z.string(),
  inboxSequence: z.int().min(0),
  actor: Actor.optional(),
});

export const CommitSchema = z.object({
  id: z.string(),
  aggregate: AggregateName,
  aggregateId: AggregateId,
  firstRevision: z.int().min(1),
  schemaVersion: z.int().min(1),
  recordedAtMs: z.number(),
  actor: Actor,
  commandId: z.string(),
  commandType: z.string(),
  inboxSequence: z.int().min(0),
  commands: z.array(CommittedCommand).optional(),
  traceparent: z.string().optional(),
  previousHash: z.string(),
  events: z.array(z.looseObject({ type: z.string() })).min(1),
});

/** A commit with its place in the whole log and the hash of its own message body. */
export interface RecordedCommit<Event extends { readonly type: string } = { readonly type: string }>
  extends Commit<Event> {
  readonly sequence: number;
  readonly hash: string;
}
