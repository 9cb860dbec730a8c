import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { z } from 'zod';
import type { EventLog, FollowOptions } from '../bus.ts';
import type { Commit, RecordedCommit } from '../envelope.ts';
import { MalformedMessage, RevisionConflict } from '../errors.ts';
import { decodeCommit, encodeBody, hashOf } from '../message-codec.ts';
import { streams, subjects } from '../subjects.ts';
import { readPages } from './direct-read.ts';
import type { Link } from './link.ts';
import { followStream, type StreamMessage } from './stream-feed.ts';

const COMMITS_MAX = 500;
const MESSAGE_ID = 'Nats-Msg-Id';

export function createEventLog(link: Link): EventLog {
  return {
    append: (commit, expectedSequence) => append(link, commit, expectedSequence),
    read: (aggregate, id, afterSequence = 0) =>
      read(link, subjects.event(aggregate, id), afterSequence),
    follow: (options) => follow(link, options),
    readMessages: ({ aggregate, aggregateId, ...place }) => {
      const filter = `evt.${aggregate ?? '*'}.${aggregateId ?? '*'}`;
      const subject = aggregate === undefined && aggregateId === undefined ? '>' : filter;
      return readPages(link, { stream: streams.events, subject, ...place });
    },
    lastSequence: async () => {
      const info = await link.exchange('tell its last sequence', () =>
        link.call(`$JS.API.STREAM.INFO.${streams.events}`, ''),
      );
      return StreamState.parse(info).state.last_seq;
    },
  };
}

const StreamState = z.object({ state: z.object({ last_seq: z.int() }) });

async function append(
  link: Link,
  commit: Commit,
  expectedSequence: number,
): Promise<{ readonly sequence: number; readonly hash: string }> {
  const subject = subjects.event(commit.aggregate, commit.aggregateId);
  const body = encodeBody(subject, commit);
  const store: Store = { subject, body, id: commit.id, expectedSequence };
  const sequence = await link.lane(streams.events).store({
    subject,
    body,
    headers: () => expectationOf(store),
    alone: () => link.exchange('store a commit', () => storeOnce(link, store)),
  });
  return { sequence, hash: hashOf(body) };
}

interface Store {
  readonly subject: string;
  readonly body: Buffer;
  readonly id: string;
  readonly expectedSequence: number;
}

function expectationOf({ id, expectedSequence }: Store): MsgHdrs {
  const expectation = headers();
  expectation.set(MESSAGE_ID, id);
  expectation.set('Nats-Expected-Last-Subject-Sequence', String(expectedSequence));
  return expectation;
}

async function storeOnce(link: Link, store: Store): Promise<number> {
  try {
    const { subject, body } = store;
    return await link.store({ subject, body, headers: expectationOf(store) });
  } catch (error) {
    if (!isConflict(error)) throw error;
    // The answer to an earlier try may have been lost: then what stands in the way is this very commit.
    const own = await findOwn(link, store);
    if (own !== undefined) return own;
    throw new RevisionConflict(store.subject, { cause: error });
  }
}

const CONFLICT_CODES: readonly number[] = [
  JetStreamApiCodes.StreamWrongLastSequence,
  JetStreamApiCodes.StreamWrongLastSequenceUnknown,
];

function isConflict(error: unknown): boolean {
  return error instanceof JetStreamApiError && CONFLICT_CODES.includes(error.code);
}

/** The place of this commit if it is the one that follows its expected predecessor. Asks the leader. */
async function findOwn(link: Link, store: Store): Promise<number | undefined> {
  const question = { seq: store.expectedSequence + 1, next_by_subj: store.subject };
  const api = `$JS.API.STREAM.MSG.GET.${streams.events}`;
  try {
    const { message } = StoredMessage.parse(await link.call(api, JSON.stringify(question)));
    const lines = Buffer.from(message.hdrs, 'base64').toString().split('\r\n');
    return lines.includes(`${MESSAGE_ID}: ${store.id}`) ? message.seq : undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

const StoredMessage = z.object({
  message: z.object({ seq: z.int(), hdrs: z.string().default('') }),
});

function isNotFound(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === JetStreamApiCodes.NoMessageFound;
}

async function* read(
  link: Link,
  subject: string,
  afterSequence: number,
): AsyncGenerator<RecordedCommit> {
  const place = { stream: streams.events, subject, afterSequence };
  for await (const page of readPages(link, place)) {
    for (const message of page) yield decodeCommit(message.subject, message.sequence, message.body);
  }
}

async function* follow(
  link: Link,
  options: FollowOptions,
): AsyncGenerator<readonly RecordedCommit[]> {
  const feed = followStream(link, {
    stream: streams.events,
    filter: `evt.${options.aggregate ?? '*'}.${options.aggregateId ?? '*'}`,
    afterSequence: options.afterSequence,
    messagesMax: options.commitsMax ?? COMMITS_MAX,
    signal: options.signal,
  });
  for await (const messages of feed) {
    const commits = messages.flatMap((message) => decodeOrSkip(link, message));
    if (commits.length > 0) yield commits;
  }
}

/** One message that is no commit must not stop every reader of the log; it is told of, once a reading. */
function decodeOrSkip(link: Link, message: StreamMessage): readonly RecordedCommit[] {
  try {
    return [decodeCommit(message.subject, message.sequence, message.body)];
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    link.logger.error(
      { err: error, sequence: message.sequence },
      'a message of the log is skipped',
    );
    return [];
  }
}
