import type { AgentInbox, Alarms, Inbox, KeyValues } from '../bus.ts';
import type { CommandEnvelope, Outcome } from '../envelope.ts';
import { BusUnavailable, Overloaded } from '../errors.ts';
import { OVERLOADED_RETRY_MS } from '../inbox-limit.ts';
import { decodeCommand, decodeOutcome, decodeWish, encodeBody } from '../message-codec.ts';
import { followCheckpoints } from '../nats/checkpoint.ts';
import { partitionOf, subjects } from '../subjects.ts';
import { followMemory, type Source } from './memory-feed.ts';
import type { MemoryStream } from './memory-stream.ts';
import type { Replies } from './replies.ts';

const MESSAGES_MAX = 500;

export function createMemoryInbox(
  source: Source,
  { config, replies, partitions, commandsWaitingMax }: InboxParts,
): Inbox {
  const admit = ({ actor }: CommandEnvelope): void => {
    const { size } = source.stream;
    if (actor.kind === 'user' && size >= commandsWaitingMax)
      throw new Overloaded(`${size} commands wait to be taken`, {
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
      () => source.stream.store(message),
    );
  };
  return {
    partitions,
    partitionOf: (aggregate, id) => partitionOf(aggregate, id, partitions),
    send: async (envelope) => {
      admit(envelope);
      await send(envelope);
    },
    request: async (envelope, signal) => {
      admit(envelope);
      return request({ source, replies, send }, envelope, signal);
    },
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
  readonly partitions: number;
  readonly commandsWaitingMax: number;
}

async function request(
  parts: {
    readonly source: Source;
    readonly replies: Replies;
    readonly send: (envelope: CommandEnvelope) => Promise<void>;
  },
  envelope: CommandEnvelope,
  signal: AbortSignal,
): Promise<Outcome> {
  signal.throwIfAborted();
  const { closed } = parts.source.carrier;
  const answer = Promise.withResolvers<Outcome>();
  const replyTo = parts.replies.enter((body) => answer.resolve(decodeOutcome('reply', body)));
  const onAbort = (): void => answer.reject(signal.reason);
  const onClose = (): void => answer.reject(new BusUnavailable('stay connected'));
  signal.addEventListener('abort', onAbort, { once: true });
  closed.addEventListener('abort', onClose, { once: true });
  try {
    parts.send({ ...envelope, replyTo }).catch(answer.reject);
    return await answer.promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
    closed.removeEventListener('abort', onClose);
    parts.replies.leave(replyTo);
  }
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
