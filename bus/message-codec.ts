import { hash } from 'node:crypto';
import { z } from 'zod';
import type { FollowedMessage, SetAsideCommand } from './bus.ts';
import {
  AGGREGATE_ID,
  AggregateName,
  type CommandEnvelope,
  CommandEnvelopeSchema,
  type Commit,
  CommitSchema,
  type RecordedCommit,
} from './envelope.ts';
import { isAccepted, isCommandEnvelope, isCommit } from './envelope-check.ts';
import { MalformedMessage, MessageTooLarge } from './errors.ts';

/** Largest body of one message. The server takes 1 MiB with headers. */
export const MESSAGE_BYTES_MAX = 1_000_000;

/** Of a command that is set aside, with the command itself and why. */
const SET_ASIDE_BYTES_MAX = 1_040_000;

/** The bytes of a message. @throws {MessageTooLarge} */
export function encodeBody(
  subject: string,
  body: unknown,
  bytesMax: number = MESSAGE_BYTES_MAX,
): Buffer {
  const bytes = Buffer.from(JSON.stringify(body));
  if (bytes.byteLength > bytesMax) throw new MessageTooLarge(subject, bytes.byteLength, bytesMax);
  return bytes;
}

export function hashOf(body: Uint8Array): string {
  return hash('sha256', body, 'hex');
}

/**
 * A commit from its message body. Only the envelope is checked: its events were parsed by the writer, and
 * one of a type that this reader does not know keeps its place, because revisions are counted by place.
 * @throws {MalformedMessage} when the body is no commit at all.
 */
export function decodeCommit(subject: string, sequence: number, body: Uint8Array): RecordedCommit {
  const value = decodeBody(subject, body);
  const commit: Commit = isCommit(value) ? value : parseCommit(subject, value);
  return { ...commit, sequence, hash: hashOf(body) };
}

function parseCommit(subject: string, value: unknown): Commit {
  const parsed = CommitSchema.safeParse(value);
  if (!parsed.success) throw new MalformedMessage(subject, { cause: parsed.error });
  return parsed.data;
}

/** @throws {MalformedMessage} when the body is no commit at all. */
export function readCommit({ subject, sequence, body }: FollowedMessage): RecordedCommit {
  return decodeCommit(subject, sequence, body);
}

/** The JSON value of a message body. @throws {MalformedMessage} */
export function decodeBody(subject: string, body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString());
  } catch (cause) {
    throw new MalformedMessage(subject, { cause });
  }
}

/** Of whom a message of the log tells, by its subject `evt.<aggregate>.<id>`. */
export function aggregateOfEvent(
  subject: string,
): { readonly aggregate: AggregateName; readonly aggregateId: string } | undefined {
  const [evt, name, aggregateId, ...more] = subject.split('.');
  const aggregate = AggregateName.options.find((one) => one === name);
  if (evt !== 'evt' || aggregate === undefined || aggregateId === undefined) return undefined;
  return more.length === 0 ? { aggregate, aggregateId } : undefined;
}

/** `inbox.<partition>.<aggregate>.<id>[.from.<node>]`, or the same with `ask`. */
function placeOfCommand(
  subject: string,
): { readonly aggregate: AggregateName; readonly aggregateId: string; node?: string } | undefined {
  const [inbox, partition, aggregate, aggregateId, from, node, ...more] = subject.split('.');
  if (inbox !== 'inbox' && inbox !== 'ask') return undefined;
  if (partition === undefined || more.length > 0) return undefined;
  if (aggregateId === undefined || !AGGREGATE_ID.test(aggregateId)) return undefined;
  const name = AggregateName.options.find((one) => one === aggregate);
  if (name === undefined || (from !== undefined && from !== 'from')) return undefined;
  return { aggregate: name, aggregateId, ...(node === undefined ? {} : { node }) };
}

/**
 * A command from its message, and why its body could not be used if that is so: the envelope then holds
 * what the subject tells. Undefined when the subject tells nothing either.
 */
export function decodeCommand(
  subject: string,
  sequence: number,
  body: Uint8Array,
): { readonly envelope: CommandEnvelope; readonly malformed?: string } | undefined {
  const place = placeOfCommand(subject);
  if (place === undefined) return undefined;
  const { aggregate, aggregateId, node } = place;
  const parsed = parseEnvelope(subject, body);
  if (typeof parsed === 'string') {
    const actor = { kind: 'agent' as const, id: node ?? 'unknown' };
    const id = `malformed-${sequence}`;
    const command = { type: 'malformed' };
    const envelope = { id, aggregate, aggregateId, actor, sentAtMs: 0, command };
    return { envelope, malformed: parsed };
  }
  // The right to publish is limited to the sender's own name, so the subject is what can be believed.
  const actor = node === undefined ? parsed.actor : { kind: 'agent' as const, id: node };
  return { envelope: { ...parsed, aggregate, aggregateId, actor } };
}

function parseEnvelope(subject: string, body: Uint8Array): CommandEnvelope | string {
  let value: unknown;
  try {
    value = decodeBody(subject, body);
  } catch (error) {
    if (error instanceof MalformedMessage) return 'the body is not JSON';
    throw error;
  }
  if (isCommandEnvelope(value)) return value;
  const parsed = CommandEnvelopeSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return `${issue?.path.join('.') || 'the body'}: ${issue?.message}`;
}

const OutcomeSchema = z.discriminatedUnion('ok', [
  z.object({
    ok: z.literal(true),
    revision: z.int(),
    sequence: z.int(),
    hasChanged: z.boolean().optional(),
  }),
  z.object({
    ok: z.literal(false),
    error: z.object({
      code: z.string(),
      message: z.string(),
      field: z.string().optional(),
      details: z.record(z.string(), z.unknown()).optional(),
    }),
  }),
]);

/** @throws {MalformedMessage} */
export function decodeOutcome(subject: string, body: Uint8Array): z.infer<typeof OutcomeSchema> {
  const value = decodeBody(subject, body);
  if (isAccepted(value)) return value;
  const parsed = OutcomeSchema.safeParse(value);
  if (!parsed.success) throw new MalformedMessage(subject, { cause: parsed.error });
  return parsed.data;
}

const WishBody = z.object({ wish: z.unknown(), traceparent: z.string().optional() });

/** @throws {MalformedMessage} */
export function decodeWish(subject: string, body: Uint8Array): z.infer<typeof WishBody> {
  const parsed = WishBody.safeParse(decodeBody(subject, body));
  if (!parsed.success) throw new MalformedMessage(subject, { cause: parsed.error });
  return parsed.data;
}

export function encodeSetAside(subject: string, command: SetAsideCommand): Buffer {
  return encodeBody(subject, command, SET_ASIDE_BYTES_MAX);
}

const SetAsideBody = z.object({
  id: z.string(),
  envelope: CommandEnvelopeSchema,
  error: z.string(),
  tries: z.int(),
  setAsideAtMs: z.number(),
});

/** @throws {MalformedMessage} */
export function decodeSetAside(subject: string, body: Uint8Array): SetAsideCommand {
  const parsed = SetAsideBody.safeParse(decodeBody(subject, body));
  if (!parsed.success) throw new MalformedMessage(subject, { cause: parsed.error });
  return parsed.data;
}
