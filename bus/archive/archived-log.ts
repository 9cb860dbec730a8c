import type { EventLog, FollowedMessage, FollowOptions, LogMessage, ReadOptions } from '../bus.ts';
import type { AggregateName, RecordedCommit } from '../envelope.ts';
import { MalformedMessage } from '../errors.ts';
import { readCommit } from '../message-codec.ts';
import { ArchiveIndex } from './archive-index.ts';
import { ArchiveDamaged } from './errors.ts';
import { SegmentMerge } from './segment-merge.ts';
import type { FaultListener } from './segment-reader.ts';
import type { SegmentStore } from './segment-store.ts';

const MESSAGES_MAX = 256;
const COMMITS_MAX = 500;

/** The log with what has left the stream: who reads it does not see which commit lies where. */
export interface ArchivedLog extends EventLog {
  readonly index: ArchiveIndex;
  /** Undefined when no archive is configured. */
  readonly store: SegmentStore | undefined;
  /** `readMessages` that goes on behind whatever is wrong in the archive, and tells of it. */
  auditMessages(
    options: ReadOptions,
    listener: FaultListener,
  ): AsyncIterable<readonly LogMessage[]>;
  /** The same of the archive alone. */
  auditSegments(listener: FaultListener): AsyncIterable<readonly LogMessage[]>;
}

/**
 * Puts the archive before the stream. Without a store the log works as long as nothing that was archived
 * is asked for. Readers @throws {ArchiveDamaged} and {ArchiveUnavailable}.
 */
export function withArchive(log: EventLog, store: SegmentStore | undefined): ArchivedLog {
  const index = new ArchiveIndex(log);
  const parts: Parts = { log, index, store: store ?? NO_STORE };
  const audited: Parts = { ...parts, store: store ?? EMPTY_STORE };
  return {
    index,
    store,
    append: (commit, expectedSequence) => log.append(commit, expectedSequence),
    lastSequence: () => log.lastSequence(),
    purge: (aggregate, id, upToSequence) => log.purge(aggregate, id, upToSequence),
    read: (aggregate, id, afterSequence = 0) =>
      read(parts, { aggregate, aggregateId: id, afterSequence }),
    readMessages: (options) => readMerged(parts, options),
    auditMessages: (options, listener) => readMerged(audited, options, listener),
    auditSegments: (listener) => readSegments(audited, listener),
    follow: (options) => follow(parts, options),
    followMessages: (options) => followMessages(parts, options),
  };
}

interface Parts {
  readonly log: EventLog;
  readonly index: ArchiveIndex;
  readonly store: SegmentStore;
}

/** Knows of segments only that they cannot be read. */
const NO_STORE: SegmentStore = {
  put: () => Promise.reject(unconfigured('')),
  get: (name) => Promise.reject(unconfigured(name)),
  list: async () => [],
  remove: async () => undefined,
};

/** What an auditor finds where no archive is configured: nothing of what was archived. */
const EMPTY_STORE: SegmentStore = { ...NO_STORE, get: async () => undefined };

function unconfigured(name: string): ArchiveDamaged {
  return new ArchiveDamaged(name, 'no archive is configured ([archive] in the settings)');
}

interface Subject {
  readonly aggregate: AggregateName;
  readonly aggregateId: string;
  readonly afterSequence: number;
}

/** The archive is asked when the stream begins behind the first commit, or has none. */
async function* read(parts: Parts, subject: Subject): AsyncGenerator<RecordedCommit> {
  const { log, index } = parts;
  const { aggregate, aggregateId, afterSequence } = subject;
  let isFirst = true;
  for await (const commit of log.read(aggregate, aggregateId, afterSequence)) {
    const mayMiss = isFirst && (afterSequence > 0 || commit.firstRevision > 1);
    isFirst = false;
    if (mayMiss) {
      if (afterSequence === 0) await index.refresh();
      yield* archived(parts, subject, commit.sequence - 1);
    }
    yield commit;
  }
  if (!isFirst) return;
  if (afterSequence === 0) await index.refresh();
  yield* archived(parts, subject, Number.MAX_SAFE_INTEGER);
}

async function* archived(
  { index, store }: Parts,
  subject: Subject,
  upToSequence: number,
): AsyncGenerator<RecordedCommit> {
  const holding = index.holding(subject.aggregate, subject.aggregateId);
  if (holding.length === 0) return;
  const merge = new SegmentMerge(store, subject);
  merge.add(holding);
  for (;;) {
    const message = await merge.next(upToSequence);
    if (message === undefined) return;
    yield readCommit(message);
  }
}

async function* readMerged(
  { log, index, store }: Parts,
  options: ReadOptions,
  listener?: FaultListener,
): AsyncGenerator<readonly LogMessage[]> {
  const { upToSequence = Number.MAX_SAFE_INTEGER, messagesMax = MESSAGES_MAX } = options;
  const merge = new SegmentMerge(store, options, listener);
  let page: LogMessage[] = [];
  for await (const live of log.readMessages(options)) {
    // What left the stream before this page was read had been archived before: it is known now.
    await index.refresh();
    merge.add(index.segments);
    for (const message of live) {
      for (;;) {
        const earlier = await merge.next(message.sequence);
        if (earlier === undefined) break;
        // Between being archived and being purged a commit lies in both places.
        if (!isSame(earlier, message)) page.push(earlier);
        if (page.length < messagesMax) continue;
        yield page;
        page = [];
      }
      page.push(message);
    }
    if (page.length > 0) yield page;
    page = [];
  }
  await index.refresh();
  merge.add(index.segments);
  yield* rest(merge, upToSequence, messagesMax);
}

async function* readSegments(
  { index, store }: Parts,
  listener: FaultListener,
): AsyncGenerator<readonly LogMessage[]> {
  const merge = new SegmentMerge(store, { afterSequence: 0 }, listener);
  await index.refresh();
  merge.add(index.segments);
  yield* rest(merge, Number.MAX_SAFE_INTEGER, MESSAGES_MAX);
}

/** What is left up to a sequence, in pages. */
async function* rest(
  merge: SegmentMerge,
  upToSequence: number,
  messagesMax: number,
): AsyncGenerator<readonly LogMessage[]> {
  let page: LogMessage[] = [];
  for (;;) {
    const message = await merge.next(upToSequence);
    if (message !== undefined) page.push(message);
    if (page.length > 0 && (message === undefined || page.length >= messagesMax)) {
      yield page;
      page = [];
    }
    if (message === undefined) return;
  }
}

function isSame(left: LogMessage, right: LogMessage): boolean {
  return left.sequence === right.sequence && Buffer.compare(left.body, right.body) === 0;
}

/** What is no commit never leaves the stream, and is passed over as the stream itself does. */
function decodeOrSkip(message: LogMessage): readonly RecordedCommit[] {
  try {
    return [readCommit(message)];
  } catch (error) {
    if (error instanceof MalformedMessage) return [];
    throw error;
  }
}

/** What was archived is read up to now; then the stream is followed. */
async function* follow(
  parts: Parts,
  options: FollowOptions,
): AsyncGenerator<readonly RecordedCommit[]> {
  const upToSequence = await upToOf(parts, options);
  for await (const page of untilThen(parts, options, upToSequence)) {
    yield page.flatMap(decodeOrSkip);
  }
  yield* parts.log.follow({ ...options, afterSequence: upToSequence });
}

async function* followMessages(
  parts: Parts,
  options: FollowOptions,
): AsyncGenerator<readonly FollowedMessage[]> {
  const upToSequence = await upToOf(parts, options);
  yield* untilThen(parts, options, upToSequence);
  yield* parts.log.followMessages({ ...options, afterSequence: upToSequence });
}

/** Up to where the archive has a part in what is followed; where it has none, where the follower stands. */
async function upToOf({ log, index }: Parts, { afterSequence }: FollowOptions): Promise<number> {
  await index.refresh();
  const hasPart = index.segments.some(({ lastSequence }) => lastSequence > afterSequence);
  return hasPart ? await log.lastSequence() : afterSequence;
}

async function* untilThen(
  parts: Parts,
  { aggregate, aggregateId, afterSequence, commitsMax = COMMITS_MAX, signal }: FollowOptions,
  upToSequence: number,
): AsyncGenerator<readonly LogMessage[]> {
  if (upToSequence <= afterSequence) return;
  const range = { aggregate, aggregateId, afterSequence, upToSequence, messagesMax: commitsMax };
  for await (const page of readMerged(parts, range)) {
    if (signal.aborted) return;
    yield page;
  }
}
