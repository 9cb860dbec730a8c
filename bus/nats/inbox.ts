import type { Inbox, KeyValues, ReceivedCommand } from '../bus.ts';
import type { CommandEnvelope } from '../envelope.ts';
import { decodeCommand } from '../message-codec.ts';
import { partitionOf, streams, subjects } from '../subjects.ts';
import { Asking, listen } from './asking.ts';
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
  const asking = new Asking(link, partitions);
  return {
    partitions,
    partitionOf: (aggregate, id) => partitionOf(aggregate, id, partitions),
    send: async (envelope) => {
      if (envelope.actor.kind === 'user') await gauge.admit();
      await send(envelope);
    },
    request: async (envelope, signal) => {
      // Only the first time: what is asked once more after a break was accepted.
      const asked = envelope.actor.kind === 'user' ? await gauge.ask() : undefined;
      const store: typeof send = (told, messageId) => {
        asked?.stored();
        return send(told, messageId);
      };
      try {
        return await asking.request(envelope, { send: store, signal });
      } finally {
        asked?.end();
      }
    },
    deliver: (envelope) => asking.deliver(envelope, send),
    listen: (partition, signal) => listen(link, partition, signal),
    decline: (replyTo) => link.tell(replyTo),
    newestPlace: () => link.newestPlace.sequence,
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
