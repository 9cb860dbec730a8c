import type { Inbox, KeyValues, ReceivedCommand } from '../bus.ts';
import type { CommandEnvelope, Outcome } from '../envelope.ts';
import { decodeCommand, decodeOutcome } from '../message-codec.ts';
import { partitionOf, streams, subjects } from '../subjects.ts';
import { type Lane, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import type { InboxGauge } from './inbox-gauge.ts';
import type { Link } from './link.ts';
import { urgencyOf } from './store-lane.ts';
import { storeNamed } from './stored-message.ts';
import { followStream, type StreamMessage } from './stream-feed.ts';

const COMMANDS_MAX = 500;

export interface InboxParts {
  readonly config: KeyValues;
  readonly gauge: InboxGauge;
  readonly partitions: number;
}

export function createInbox(link: Link, { config, gauge, partitions }: InboxParts): Inbox {
  const send = (envelope: CommandEnvelope, messageId = envelope.id): Promise<unknown> => {
    const partition = partitionOf(envelope.aggregate, envelope.aggregateId, partitions);
    const { aggregate, aggregateId, actor } = envelope;
    const subject = subjects.command(partition, aggregate, aggregateId, actor);
    const urgency = urgencyOf(actor);
    const message = { stream: streams.inbox, subject, messageId, content: envelope, urgency };
    return storeNamed(link, message);
  };
  return {
    partitions,
    partitionOf: (aggregate, id) => partitionOf(aggregate, id, partitions),
    send: async (envelope) => {
      if (envelope.actor.kind === 'user') await gauge.admit();
      await send(envelope);
    },
    request: async (envelope, signal) => {
      // Only the first time: what is asked once more after a break was accepted.
      if (envelope.actor.kind === 'user') await gauge.admit();
      return request(link, { envelope, send, signal });
    },
    reply: (replyTo, outcome) => link.tell(replyTo, JSON.stringify(outcome)),
    follow: (partition, afterSequence, signal) =>
      follow(link, { partition, afterSequence, signal }),
    checkpoint: (partition) => readCheckpoint(config, laneOf(partition)),
    saveCheckpoint: (partition, sequence) =>
      writeCheckpoint(link, config, { ...laneOf(partition), sequence }),
  };
}

function laneOf(partition: number): Lane {
  return {
    stream: streams.inbox,
    filter: subjects.commands(partition),
    key: `checkpoint.inbox.${partition}`,
  };
}

/**
 * Sends a command and waits for its outcome. Answers are not kept, so whenever the connection broke the
 * command is sent once more under another message id: its aggregate meets it again and answers again.
 */
async function request(
  link: Link,
  {
    envelope,
    send,
    signal,
  }: {
    readonly envelope: CommandEnvelope;
    readonly send: (envelope: CommandEnvelope, messageId: string) => Promise<unknown>;
    readonly signal: AbortSignal;
  },
): Promise<Outcome> {
  signal.throwIfAborted();
  const answer = Promise.withResolvers<Outcome>();
  const replyTo = link.replies.enter((message) => {
    try {
      answer.resolve(decodeOutcome(message.subject, message.data));
    } catch (error) {
      answer.reject(error);
    }
  });
  let askings = 0;
  const ask = (): void => {
    const messageId = askings === 0 ? envelope.id : `${envelope.id}.${askings}`;
    askings += 1;
    send({ ...envelope, replyTo }, messageId).catch(answer.reject);
  };
  const stop = link.onReconnect(ask);
  const onAbort = (): void => answer.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    ask();
    return await answer.promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
    stop();
    link.replies.leave(replyTo);
  }
}

async function* follow(
  link: Link,
  lane: {
    readonly partition: number;
    readonly afterSequence: number;
    readonly signal: AbortSignal;
  },
): AsyncGenerator<readonly ReceivedCommand[]> {
  const feed = followStream(link, {
    stream: streams.inbox,
    filter: subjects.commands(lane.partition),
    afterSequence: lane.afterSequence,
    messagesMax: COMMANDS_MAX,
    signal: lane.signal,
  });
  for await (const messages of feed) {
    const commands = messages.flatMap((message) => receive(link, message));
    if (commands.length > 0) yield commands;
  }
}

function receive(
  link: Link,
  { subject, sequence, body }: StreamMessage,
): readonly ReceivedCommand[] {
  const decoded = decodeCommand(subject, sequence, body);
  if (decoded !== undefined) return [{ sequence, bytes: body.byteLength, ...decoded }];
  link.logger.error({ subject, sequence }, 'a command to nobody is skipped');
  return [];
}
