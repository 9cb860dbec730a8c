import { z } from 'zod';

/** The kinds of things that have a log of their own. */
export const AggregateName = z.enum(['session', 'scheduler', 'node', 'image', 'user', 'keypair']);
export type AggregateName = z.infer<typeof AggregateName>;

/** One token of a subject: what an aggregate's id may be. */
export const AggregateId = z.string().regex(/^[A-Za-z0-9_-]{1,128}$/);

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
  command: z.looseObject({ type: z.string() }),
});

/** What a sender learns: the place of the commit (`sequence` 0: nothing had to change), or the refusal. */
export type Outcome =
  | { readonly ok: true; readonly revision: number; readonly sequence: number }
  | { readonly ok: false; readonly error: Rejection };

/** The domain says no. `code` is stable, `message` is for people, `field` names the input at fault. */
export interface Rejection {
  readonly code: string;
  readonly message: string;
  readonly field?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * One message of the log: the events that one command led to, in one aggregate. Never rewritten.
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
  /** The command that caused it, and that command's place in the inbox. */
  readonly commandId: string;
  readonly commandType: string;
  readonly inboxSequence: number;
  readonly traceparent?: string | undefined;
  /** SHA-256 (hex) of the previous commit's message body of this aggregate; empty for the first. */
  readonly previousHash: string;
  readonly events: readonly Event[];
}

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
