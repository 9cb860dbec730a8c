import type { EventLog, FollowOptions, LogMessage, ReadOptions } from '../bus.ts';
import { encodeCommit } from '../commit-text.ts';
import { MalformedMessage, RevisionConflict } from '../errors.ts';
import { decodeCommit, hashOf } from '../message-codec.ts';
import { subjects } from '../subjects.ts';
import { followMemory, type Source } from './memory-feed.ts';
import type { StoredMessage } from './memory-stream.ts';

const COMMITS_MAX = 500;
const PAGE_MESSAGES_MAX = 256;

export function createMemoryLog(source: Source): EventLog {
  const { stream, carrier } = source;
  return {
    append: async (commit, expectedSequence) => {
      const subject = subjects.event(commit.aggregate, commit.aggregateId);
      const body = encodeCommit(subject, commit);
      const store = (): number => {
        const [next] = stream.read(subject, expectedSequence, 1);
        if (next?.messageId === commit.id) return next.sequence;
        if (stream.lastOf(subject) !== expectedSequence) throw new RevisionConflict(subject);
        return stream.store({ subject, body, messageId: commit.id });
      };
      // A copy meets the same check as the first and is refused or found to be there.
      const sequence = await carrier.store({ kind: 'append', subject }, store, () => undefined);
      return { sequence, hash: hashOf(body) };
    },
    read: async function* (aggregate, id, afterSequence = 0) {
      const subject = subjects.event(aggregate, id);
      let position = afterSequence;
      for (;;) {
        const from = position;
        const page = await carrier.ask(() => stream.read(subject, from, PAGE_MESSAGES_MAX));
        for (const { sequence, body } of page) yield decodeCommit(subject, sequence, body);
        const last = page.at(-1);
        if (last === undefined) return;
        position = last.sequence;
      }
    },
    followMessages: (options) => followMessages(source, options),
    follow: async function* (options) {
      for await (const messages of followMessages(source, options)) {
        const commits = messages.flatMap(decodeOrSkip);
        if (commits.length > 0) yield commits;
      }
    },
    readMessages: (options) => readPages(source, options),
    lastSequence: () => carrier.ask(() => stream.lastSequence),
    purge: (aggregate, id, upToSequence) =>
      carrier.ask(() => stream.purge(subjects.event(aggregate, id), upToSequence)),
  };
}

function followMessages(
  source: Source,
  { aggregate, aggregateId, afterSequence, commitsMax, signal }: FollowOptions,
): AsyncGenerator<readonly StoredMessage[]> {
  const filter = `evt.${aggregate ?? '*'}.${aggregateId ?? '*'}`;
  const messagesMax = commitsMax ?? COMMITS_MAX;
  return followMemory(source, { filter, afterSequence, messagesMax, signal });
}

function decodeOrSkip({ subject, sequence, body }: StoredMessage) {
  try {
    return [decodeCommit(subject, sequence, body)];
  } catch (error) {
    if (error instanceof MalformedMessage) return [];
    throw error;
  }
}

async function* readPages(
  { stream, carrier }: Source,
  options: ReadOptions,
): AsyncGenerator<readonly LogMessage[]> {
  const { aggregate, aggregateId, messagesMax = PAGE_MESSAGES_MAX } = options;
  const filter = `evt.${aggregate ?? '*'}.${aggregateId ?? '*'}`;
  const upToSequence = options.upToSequence ?? stream.lastSequence;
  let position = options.afterSequence;
  for (;;) {
    const from = position;
    const page = await carrier.ask(() => stream.read(filter, from, messagesMax));
    const messages = page.filter(({ sequence }) => sequence <= upToSequence);
    const last = messages.at(-1);
    if (last === undefined) return;
    position = last.sequence;
    yield messages;
  }
}
