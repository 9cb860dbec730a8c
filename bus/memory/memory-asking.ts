import type { ReceivedCommand } from '../bus.ts';
import type { CommandEnvelope, Outcome } from '../envelope.ts';
import { BusUnavailable } from '../errors.ts';
import { ASKED_COMMANDS_MAX, ASKED_MS_MAX } from '../inbox-limit.ts';
import { decodeCommand, decodeOutcome, encodeBody } from '../message-codec.ts';
import type { NewestPlace } from '../newest-place.ts';
import type { Asked, Outstanding } from '../outstanding.ts';
import { subjects } from '../subjects.ts';
import type { Carrier } from './faults.ts';
import type { Replies } from './replies.ts';

/** False when as many wait as may. */
type Take = (received: ReceivedCommand) => boolean;

/** Those who listen past the lanes, over all connections. */
export class AskRoom {
  readonly #listeners = new Map<number, Set<Take>>();

  hasListener(partition: number): boolean {
    return (this.#listeners.get(partition)?.size ?? 0) > 0;
  }

  /** False when nobody listens, or one who does has no room. */
  arrive(partition: number, received: ReceivedCommand): boolean {
    const listeners = [...(this.#listeners.get(partition) ?? [])];
    return listeners.length > 0 && listeners.every((take) => take(received));
  }

  async *listen(
    partition: number,
    { closed }: Carrier,
    signal: AbortSignal,
  ): AsyncGenerator<readonly ReceivedCommand[]> {
    const waiting: ReceivedCommand[] = [];
    let wake: (() => void) | undefined;
    const wakeUp = (): void => wake?.();
    const take: Take = (received) => {
      if (waiting.length >= ASKED_COMMANDS_MAX) return false;
      waiting.push(received);
      wakeUp();
      return true;
    };
    const listeners = this.#listeners.get(partition) ?? new Set();
    this.#listeners.set(partition, listeners.add(take));
    signal.addEventListener('abort', wakeUp);
    closed.addEventListener('abort', wakeUp);
    try {
      while (!signal.aborted && !closed.aborted) {
        if (waiting.length > 0) yield waiting.splice(0);
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      listeners.delete(take);
      signal.removeEventListener('abort', wakeUp);
      closed.removeEventListener('abort', wakeUp);
    }
  }
}

interface RequestParts {
  readonly carrier: Carrier;
  readonly replies: Replies;
  readonly asks: AskRoom;
  readonly newestPlace: NewestPlace;
  readonly outstanding: Outstanding;
  readonly lane: {
    readonly partition: number;
    readonly send: (envelope: CommandEnvelope) => Promise<void>;
  };
}

/** Past the lane to who listens, and into the lane if that leads to nothing. */
export async function request(
  parts: RequestParts,
  envelope: CommandEnvelope,
  signal: AbortSignal,
): Promise<Outcome> {
  signal.throwIfAborted();
  const { closed } = parts.carrier;
  const answer = Promise.withResolvers<Outcome>();
  const onAbort = (): void => answer.reject(signal.reason);
  const onClose = (): void => answer.reject(new BusUnavailable('stay connected'));
  signal.addEventListener('abort', onAbort, { once: true });
  closed.addEventListener('abort', onClose, { once: true });
  const end = attempt(parts, envelope, {
    onAnswer: (body) => answer.resolve(parts.newestPlace.learn(decodeOutcome('reply', body))),
    store: (told) => parts.lane.send(told).catch(answer.reject),
  });
  try {
    return await answer.promise;
  } finally {
    end();
    signal.removeEventListener('abort', onAbort);
    closed.removeEventListener('abort', onClose);
  }
}

/** Resolves when it is answered, or stored. */
export async function deliver(parts: RequestParts, envelope: CommandEnvelope): Promise<void> {
  const { closed } = parts.carrier;
  const done = Promise.withResolvers<unknown>();
  const onClose = (): void => done.reject(new BusUnavailable('stay connected'));
  closed.addEventListener('abort', onClose, { once: true });
  const end = attempt(parts, envelope, {
    onAnswer: (body) => done.resolve(parts.newestPlace.learn(decodeOutcome('reply', body))),
    store: (told) =>
      parts.lane.send({ ...told, replyTo: undefined }).then(done.resolve, done.reject),
  });
  try {
    await done.promise;
  } finally {
    end();
    closed.removeEventListener('abort', onClose);
  }
}

/** Asks who listens; `store` is called once, when nobody does, declines or answers in time. */
function attempt(
  { carrier, replies, asks, newestPlace, outstanding, lane }: RequestParts,
  envelope: CommandEnvelope,
  parts: {
    readonly onAnswer: (body: Uint8Array) => void;
    readonly store: (told: CommandEnvelope) => void;
  },
): () => void {
  const { aggregate, aggregateId, actor } = envelope;
  const { partition } = lane;
  const answered = new AbortController();
  const againAfter = envelope.againAfter ?? newestPlace.sequence;
  const key = `${aggregate}.${aggregateId}`;
  const mayAsk = asks.hasListener(partition) && !outstanding.waitsInInbox(key);
  const asked: Asked = {
    partition,
    key,
    isStored: false,
    store: () => {
      asked.isStored = true;
      parts.store(mayAsk ? { ...told, againAfter } : told);
    },
  };
  const giveUp = (): void => outstanding.storeUpTo(asked);
  const replyTo = replies.enter((body) => {
    if (body.byteLength === 0) giveUp();
    else parts.onAnswer(body);
  });
  const told = { ...envelope, replyTo };
  const subject = subjects.ask(partition, aggregate, aggregateId, actor);
  outstanding.enter(asked);
  if (mayAsk) {
    const body = encodeBody(subject, told);
    carrier.deliver({ kind: 'ask', subject }, () => {
      const decoded = decodeCommand(subject, 0, body);
      if (decoded === undefined) return;
      const received = { sequence: 0, bytes: body.byteLength, ...decoded };
      if (!asks.arrive(partition, received)) giveUp();
    });
    carrier.clock.sleep(ASKED_MS_MAX, answered.signal).then(giveUp, () => undefined);
  } else if (asks.hasListener(partition)) giveUp();
  else outstanding.storeAll(partition);
  return () => {
    outstanding.leave(asked);
    answered.abort(ANSWERED);
    replies.leave(replyTo);
  };
}

const ANSWERED = new Error('an answer came');
