import type { AgentInbox, Alarms, Inbox, KeyValues } from '../bus.ts';
import type { CommandEnvelope } from '../envelope.ts';
import { Overloaded } from '../errors.ts';
import { OVERLOADED_RETRY_MS } from '../inbox-limit.ts';
import { decodeCommand, decodeWish, encodeBody } from '../message-codec.ts';
import { followCheckpoints } from '../nats/checkpoint.ts';
import { NewestPlace } from '../newest-place.ts';
import { Outstanding } from '../outstanding.ts';
import { partitionOf, subjects } from '../subjects.ts';
import { type AskRoom, deliver, request } from './memory-asking.ts';
import { followMemory, type Source } from './memory-feed.ts';
import type { MemoryStream } from './memory-stream.ts';
import type { Replies } from './replies.ts';

const MESSAGES_MAX = 500;

export function createMemoryInbox(
  source: Source,
  { config, replies, asks, partitions, commandsWaitingMax }: InboxParts,
): Inbox {
  const newestPlace = new NewestPlace();
  const outstanding = new Outstanding();
  /** Of users, past the inbox. */
  let underWay = 0;
  const admit = ({ actor }: CommandEnvelope): void => {
    const count = source.stream.size + underWay;
    if (actor.kind === 'user' && count >= commandsWaitingMax)
      throw new Overloaded(`${count} commands wait to be taken`, {
        retryAfterMs: OVERLOADED_RETRY_MS,
      });
  };
  const send = async (envelope: CommandEnvelope): Promise<void> => {
    const { aggregate, aggregateId, actor } = envelope;
    const partition = partitionOf(aggregate, aggregateId, partitions);
    const subject = subjects.command(partition, aggregate, aggregateId, actor);
    const message = { subject, body: encodeBody(subject, envelope) };
    await source.carrier.store(
      { kind: 'command', subject },
      () => source.stream.store({ ...message, messageId: envelope.id }),
      // A copy arrives as one sent again past the server's memory of message ids.
      () =>
        source.stream.store({ subject, body: encodeBody(subject, { againAfter: 0, ...envelope }) }),
    );
  };
  const askingOf = ({ aggregate, aggregateId }: CommandEnvelope, onStore?: () => void) => ({
    carrier: source.carrier,
    replies,
    asks,
    newestPlace,
    outstanding,
    lane: {
      partition: partitionOf(aggregate, aggregateId, partitions),
      send: (told: CommandEnvelope): Promise<void> => {
        onStore?.();
        return send(told);
      },
    },
  });
  return {
    partitions,
    partitionOf: (aggregate, id) => partitionOf(aggregate, id, partitions),
    send: async (envelope) => {
      admit(envelope);
      await send(envelope);
    },
    request: async (envelope, signal) => {
      admit(envelope);
      let asked = envelope.actor.kind === 'user' ? 1 : 0;
      underWay += asked;
      const end = (): void => {
        underWay -= asked;
        asked = 0;
      };
      const parts = askingOf(envelope, end);
      try {
        return await request(parts, envelope, signal);
      } finally {
        end();
      }
    },
    deliver: (envelope) => deliver(askingOf(envelope), envelope),
    listen: (partition, signal) => asks.listen(partition, source.carrier, signal),
    decline: (replyTo) => {
      source.carrier.deliver({ kind: 'reply', subject: replyTo }, () =>
        replies.arrive(replyTo, new Uint8Array()),
      );
    },
    newestPlace: () => newestPlace.sequence,
    reply: (replyTo, outcome) => {
      const body = encodeBody(replyTo, outcome);
      source.carrier.deliver({ kind: 'reply', subject: replyTo }, () =>
        replies.arrive(replyTo, body),
      );
    },
    follow: async function* (partition, afterSequence, signal) {
      const filter = subjects.commands(partition);
      const place = { filter, afterSequence, messagesMax: MESSAGES_MAX, signal };
      for await (const messages of followMemory(source, place)) {
        const commands = messages.flatMap(({ subject, sequence, body }) => {
          const decoded = decodeCommand(subject, sequence, body);
          return decoded === undefined ? [] : [{ sequence, bytes: body.byteLength, ...decoded }];
        });
        if (commands.length > 0) yield commands;
      }
    },
    checkpoint: (partition) => readCheckpoint(config, `checkpoint.inbox.${partition}`),
    saveCheckpoint: async (partition, sequence) => {
      await config.put(`checkpoint.inbox.${partition}`, String(sequence));
      source.stream.purge(subjects.commands(partition), sequence);
    },
  };
}

interface InboxParts {
  readonly config: KeyValues;
  readonly replies: Replies;
  readonly asks: AskRoom;
  readonly partitions: number;
  readonly commandsWaitingMax: number;
}

async function readCheckpoint(config: KeyValues, key: string): Promise<number> {
  return Number((await config.get(key))?.value ?? '0');
}

export function createMemoryAgentInbox(source: Source, config: KeyValues): AgentInbox {
  return {
    send: async ({ node, key, id, wish, traceparent }) => {
      const subject = subjects.wish(node, key);
      const message = { subject, body: encodeBody(subject, { wish, traceparent }) };
      await source.carrier.store(
        { kind: 'wish', subject },
        () => source.stream.store({ ...message, messageId: id }),
        () => source.stream.store(message),
      );
    },
    follow: async function* (node, afterSequence, signal) {
      const filter = subjects.wishes(node);
      const place = { filter, afterSequence, messagesMax: MESSAGES_MAX, signal };
      for await (const messages of followMemory(source, place)) {
        yield messages.map(({ subject, sequence, body }) => ({
          sequence,
          ...decodeWish(subject, body),
        }));
      }
    },
    checkpoint: (node) => readCheckpoint(config, `checkpoint.agent.${node}`),
    saveCheckpoint: async (node, sequence) => {
      await config.put(`checkpoint.agent.${node}`, String(sequence));
    },
    checkpoints: (signal) => followCheckpoints(config, signal),
    sweep: async (node, sequence) => {
      source.stream.purge(subjects.wishes(node), sequence);
    },
  };
}

/** The timers of all connections: they outlive whoever set them. */
export class AlarmClock {
  readonly #pending = new Map<string, AbortController>();

  set(key: string, wait: (signal: AbortSignal) => Promise<void>, fire: () => void): void {
    this.clear(key);
    const alarm = new AbortController();
    this.#pending.set(key, alarm);
    wait(alarm.signal).then(
      () => {
        this.#pending.delete(key);
        fire();
      },
      // Cleared or moved: the only reason for which a wait ends early.
      () => undefined,
    );
  }

  clear(key: string): void {
    this.#pending.get(key)?.abort();
    this.#pending.delete(key);
  }

  clearAll(): void {
    for (const key of [...this.#pending.keys()]) this.clear(key);
  }
}

export function createMemoryAlarms(
  { stream, carrier }: { readonly stream: MemoryStream; readonly carrier: Source['carrier'] },
  alarms: AlarmClock,
  partitions: number,
): Alarms {
  return {
    set: async (envelope, atMs) => {
      const { aggregate, aggregateId } = envelope;
      const key = subjects.alarm(aggregate, aggregateId);
      const partition = partitionOf(aggregate, aggregateId, partitions);
      const subject = subjects.command(partition, aggregate, aggregateId);
      const body = encodeBody(subject, envelope);
      const set = (): void => {
        const { clock } = carrier;
        const wait = (signal: AbortSignal) =>
          clock.sleep(Math.max(0, Math.ceil(atMs) - clock.nowMs()), signal);
        alarms.set(key, wait, () => stream.store({ subject, body }));
      };
      await carrier.store({ kind: 'alarm', subject: key }, set, set);
    },
    clear: async (aggregate, id) => {
      const key = subjects.alarm(aggregate, id);
      const clear = (): void => alarms.clear(key);
      await carrier.store({ kind: 'alarm', subject: key }, clear, clear);
    },
  };
}
