import type { LiveChannel } from '../bus.ts';
import { BusUnavailable } from '../errors.ts';
import { decodeBody, encodeBody } from '../message-codec.ts';
import type { Carrier } from './faults.ts';
import { matchesSubject } from './memory-stream.ts';
import type { Replies } from './replies.ts';

const WAITING_MESSAGES_MAX = 10_000;

interface LiveBytes {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly replyTo?: string;
}

interface Subscriber {
  readonly filter: string;
  readonly receive: (message: LiveBytes) => void;
}

/** Everyone who listens to the live channel, over all connections. */
export class LiveRoom {
  readonly #subscribers = new Set<Subscriber>();

  enter(subscriber: Subscriber): () => void {
    this.#subscribers.add(subscriber);
    return () => this.#subscribers.delete(subscriber);
  }

  /** False when nobody listens. */
  arrive(message: LiveBytes): boolean {
    const listeners = [...this.#subscribers].filter(({ filter }) =>
      matchesSubject(filter, message.subject),
    );
    for (const { receive } of listeners) receive(message);
    return listeners.length > 0;
  }
}

interface Parts {
  readonly room: LiveRoom;
  readonly replies: Replies;
  readonly carrier: Carrier;
}

export function createMemoryLive(parts: Parts): LiveChannel {
  const { room, replies, carrier } = parts;
  const send = (message: LiveBytes): void =>
    carrier.deliver({ kind: 'live', subject: message.subject }, () => {
      if (!replies.arrive(message.subject, message.body)) room.arrive(message);
    });
  return {
    publish: (subject, body) => send({ subject, body: encodeBody(subject, body) }),
    subscribe: (subject, signal) => subscribe(parts, subject, signal),
    request: async (subject, body, timeoutMs) => {
      const patience = new AbortController();
      const answer = Promise.withResolvers<unknown>();
      const replyTo = replies.enter((bytes) => answer.resolve(decodeBody(subject, bytes)));
      const giveUp = (): void => answer.reject(new BusUnavailable(`answer on ${subject}`));
      carrier.clock.sleep(timeoutMs, patience.signal).then(giveUp, () => undefined);
      try {
        send({ subject, body: encodeBody(subject, body), replyTo });
        return await answer.promise;
      } finally {
        patience.abort();
        replies.leave(replyTo);
      }
    },
  };
}

function subscribe(
  { room, carrier }: Parts,
  filter: string,
  signal: AbortSignal,
): ReturnType<LiveChannel['subscribe']> {
  const waiting: LiveBytes[] = [];
  let wake: (() => void) | undefined;
  const leave = room.enter({
    filter,
    receive: (message) => {
      if (waiting.length < WAITING_MESSAGES_MAX) waiting.push(message);
      wake?.();
    },
  });
  const ended = AbortSignal.any([signal, carrier.closed]);
  const onEnd = (): void => {
    leave();
    wake?.();
  };
  if (ended.aborted) onEnd();
  else ended.addEventListener('abort', onEnd, { once: true });
  return (async function* () {
    try {
      while (!ended.aborted) {
        const next = waiting.shift();
        if (next !== undefined) {
          yield { ...next, body: decodeBody(next.subject, next.body) };
          continue;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      ended.removeEventListener('abort', onEnd);
      leave();
    }
  })();
}
