import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { z } from 'zod';
import type { EventLog, FollowOptions } from '../bus.ts';
import { encodeCommit } from '../commit-text.ts';
import type { Commit, RecordedCommit } from '../envelope.ts';
import { BusUnavailable, MalformedMessage, RevisionConflict } from '../errors.ts';
import { decodeCommit, hashOf } from '../message-codec.ts';
import { streams, subjects } from '../subjects.ts';
import { readPages } from './direct-read.ts';
import type { Link } from './link.ts';
import { urgencyOf } from './store-lane.ts';
import { followStream, type StreamMessage } from './stream-feed.ts';

const COMMITS_MAX = 500;
const MESSAGE_ID = 'Nats-Msg-Id';

/** A server that lags behind its leader shows what is missing after this time or another does. */
const REPLICA_DELAY_MS = 20;
const REPLICA_MS_MAX = 10_000;

/** `isReplicated`: any of several servers answers a read, and not all of them are up to date. */
export function createEventLog(
  link: Link,
  { isReplicated }: { readonly isReplicated: boolean },
): EventLog {
  return {
    append: (commit, expectedSequence) => append(link, commit, expectedSequence),
    read: (aggregate, id, afterSequence = 0) => {
      const place = { subject: subjects.event(aggregate, id), afterSequence };
      return isReplicated ? readWhole(link, place) : read(link, place);
    },
    follow: (options) => follow(link, options),
    followMessages: (options) => followMessages(link, options),
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
    purge: async (aggregate, id, upToSequence) => {
      const part = { filter: subjects.event(aggregate, id), seq: upToSequence + 1 };
      await link.exchange('purge an aggregate', () =>
        link.call(`$JS.API.STREAM.PURGE.${streams.events}`, JSON.stringify(part)),
      );
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
  const body = encodeCommit(subject, commit);
  const store: Store = { subject, body, id: commit.id, expectedSequence };
  const sequence = await link.lane(streams.events).store({
    subject,
    body,
    headers: () => expectationOf(store),
    urgency: urgencyOf(commit.actor),
    alone: () => link.exchange('store a commit', () => storeOnce(link, store)),
  });
  link.newestPlace.reach(sequence);
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

interface Place {
  readonly subject: string;
  readonly afterSequence: number;
}

/**
 * Up to the commit that the leader of the stream has as the newest: a host that decided on less would
 * refuse what it should accept, and lose every race for the log. @throws {BusUnavailable}
 */
async function* readWhole(link: Link, place: Place): AsyncGenerator<RecordedCommit> {
  const newest = await newestOf(link, place.subject);
  const deadlineMs = link.clock.nowMs() + REPLICA_MS_MAX;
  let { afterSequence } = place;
  for (;;) {
    for await (const commit of read(link, { ...place, afterSequence })) {
      afterSequence = commit.sequence;
      yield commit;
    }
    if (afterSequence >= newest) return;
    if (link.clock.nowMs() > deadlineMs) throw new BusUnavailable('show its newest commits');
    await link.clock.sleep(REPLICA_DELAY_MS);
  }
}

/** Sequence of the newest commit of a subject, 0 when there is none. Asks the leader. */
async function newestOf(link: Link, subject: string): Promise<number> {
  const question = JSON.stringify({ last_by_subj: subject });
  try {
    const answer = await link.exchange('tell the newest commit', () =>
      link.call(`$JS.API.STREAM.MSG.GET.${streams.events}`, question),
    );
    return StoredMessage.parse(answer).message.seq;
  } catch (error) {
    if (isNotFound(error)) return 0;
    throw error;
  }
}

async function* read(
  link: Link,
  { subject, afterSequence }: Place,
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
  for await (const messages of followMessages(link, options)) {
    const commits = messages.flatMap((message) => decodeOrSkip(link, message));
    if (commits.length > 0) yield commits;
  }
}

function followMessages(
  link: Link,
  options: FollowOptions,
): AsyncGenerator<readonly StreamMessage[]> {
  return followStream(link, {
    stream: streams.events,
    filter: `evt.${options.aggregate ?? '*'}.${options.aggregateId ?? '*'}`,
    afterSequence: options.afterSequence,
    messagesMax: options.commitsMax ?? COMMITS_MAX,
    signal: options.signal,
  });
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
