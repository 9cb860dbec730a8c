import type { Msg } from '@nats-io/transport-node';
import type { ReceivedCommand } from '../bus.ts';
import type { CommandEnvelope, Outcome } from '../envelope.ts';
import { ASKED_COMMANDS_MAX, ASKED_MS_MAX } from '../inbox-limit.ts';
import { decodeCommand, decodeOutcome, encodeBody } from '../message-codec.ts';
import { type Asked, Outstanding } from '../outstanding.ts';
import { Overdue } from '../overdue.ts';
import { partitionOf, subjects } from '../subjects.ts';
import type { Link } from './link.ts';
import { isClosed, isUnheard } from './requests.ts';

type Answer = Pick<PromiseWithResolvers<Outcome>, 'resolve' | 'reject'>;

type Send = (envelope: CommandEnvelope, messageId: string) => Promise<unknown>;

/** Requests of one connection: past the lane to who listens, and into the lane if that leads to nothing. */
export class Asking {
  readonly #link: Link;
  readonly #partitions: number;
  readonly #overdue: Overdue<string>;
  readonly #outstanding = new Outstanding();
  #isForbidden = false;

  constructor(link: Link, partitions: number) {
    this.#link = link;
    this.#partitions = partitions;
    const { clock, closed } = link;
    this.#overdue = new Overdue({ clock, closed, waitMsMax: ASKED_MS_MAX });
    link.onForbidden((subject) => {
      if (!subjects.isAsk(subject)) return;
      // Rights of before this way existed: the lanes are open.
      this.#isForbidden = true;
      this.#overdue.endAll();
    });
  }

  /**
   * Answers are not kept, so whenever the connection broke the command is stored once more under another
   * message id: its aggregate meets it again and answers again.
   */
  async request(
    envelope: CommandEnvelope,
    { send, signal }: { readonly send: Send; readonly signal: AbortSignal },
  ): Promise<Outcome> {
    signal.throwIfAborted();
    const answer = Promise.withResolvers<Outcome>();
    const onAbort = (): void => answer.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    let stores = 0;
    const attempt = this.#attempt(envelope, {
      onAnswer: (message) => this.#settle(answer, message),
      store: (told) => {
        const messageId = stores === 0 ? envelope.id : `${envelope.id}.${stores}`;
        stores += 1;
        send(told, messageId).catch(answer.reject);
      },
    });
    const stop = this.#link.onReconnect(attempt.store);
    try {
      return await answer.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
      stop();
      attempt.end();
    }
  }

  /** Resolves when it is answered, or stored: then nobody need answer. */
  async deliver(envelope: CommandEnvelope, send: Send): Promise<void> {
    const done = Promise.withResolvers<unknown>();
    let isStored = false;
    const attempt = this.#attempt(envelope, {
      onAnswer: (message) => this.#settle(done, message),
      store: (told) => {
        if (isStored) return;
        isStored = true;
        send({ ...told, replyTo: undefined }, envelope.id).then(done.resolve, done.reject);
      },
    });
    const stop = this.#link.onReconnect(attempt.store);
    try {
      await done.promise;
    } finally {
      stop();
      attempt.end();
    }
  }

  /** Asks who listens; `store` is called at once when nobody does, declines or answers in time. */
  #attempt(
    envelope: CommandEnvelope,
    parts: {
      readonly onAnswer: (message: Msg) => void;
      readonly store: (told: CommandEnvelope) => void;
    },
  ): { readonly store: () => void; readonly end: () => void } {
    const link = this.#link;
    const { aggregate, aggregateId } = envelope;
    const againAfter = envelope.againAfter ?? link.newestPlace.sequence;
    let isFresh = true;
    const replyTo = link.replies.enter((message) => {
      if (isUnheard(message)) {
        isFresh = true;
        this.#outstanding.storeAll(asked.partition);
      } else if (message.data.length === 0) this.#outstanding.storeUpTo(asked);
      else parts.onAnswer(message);
    });
    const told = { ...envelope, replyTo };
    const asked = {
      partition: partitionOf(aggregate, aggregateId, this.#partitions),
      key: `${aggregate}.${aggregateId}`,
      isStored: false,
      store: (): void => {
        asked.isStored = true;
        this.#overdue.leave(replyTo);
        parts.store(isFresh ? told : { ...told, againAfter });
        isFresh = false;
      },
    };
    const mayAsk =
      link.isConnected && !this.#isForbidden && !this.#outstanding.waitsInInbox(asked.key);
    if (mayAsk) {
      isFresh = false;
      this.#ask(told, asked);
    }
    this.#outstanding.enter(asked);
    if (!mayAsk) asked.store();
    const end = (): void => {
      this.#outstanding.leave(asked);
      this.#overdue.leave(replyTo);
      link.replies.leave(replyTo);
    };
    return { store: asked.store, end };
  }

  #settle(answer: Answer, { subject, data }: Msg): void {
    try {
      answer.resolve(this.#link.newestPlace.learn(decodeOutcome(subject, data)));
    } catch (error) {
      answer.reject(error);
    }
  }

  /** @throws {MessageTooLarge} */
  #ask(envelope: CommandEnvelope & { readonly replyTo: string }, asked: Asked): void {
    const { aggregate, aggregateId, actor, replyTo } = envelope;
    const subject = subjects.ask(asked.partition, aggregate, aggregateId, actor);
    let body: Buffer;
    try {
      body = encodeBody(subject, envelope);
    } catch (error) {
      this.#link.replies.leave(replyTo);
      throw error;
    }
    this.#overdue.enter(replyTo, () => this.#outstanding.storeUpTo(asked));
    this.#link.tellFor(replyTo, subject, body);
  }
}

/** What is asked past a lane. More than may wait is declined at once, and what is still under way at the end. */
export async function* listen(
  link: Link,
  partition: number,
  signal: AbortSignal,
): AsyncGenerator<readonly ReceivedCommand[]> {
  if (signal.aborted) return;
  const waiting: ReceivedCommand[] = [];
  let isOver = false;
  let wake: (() => void) | undefined;
  const wakeUp = (): void => wake?.();
  const decline = ({ envelope: { replyTo } }: Pick<ReceivedCommand, 'envelope'>): void => {
    if (replyTo !== undefined) link.tell(replyTo);
  };
  const subscription = link.connection.subscribe(subjects.asks(partition), {
    callback: (error, { subject, data }) => {
      const decoded = error === null ? decodeCommand(subject, 0, data) : undefined;
      if (decoded === undefined) return;
      if (isOver || waiting.length >= ASKED_COMMANDS_MAX) decline(decoded);
      else waiting.push({ sequence: 0, bytes: data.byteLength, ...decoded });
      wakeUp();
    },
  });
  const ended = AbortSignal.any([signal, link.closed]);
  ended.addEventListener('abort', wakeUp);
  try {
    while (!ended.aborted) {
      if (waiting.length > 0) yield waiting.splice(0);
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    isOver = true;
    ended.removeEventListener('abort', wakeUp);
    for (const received of waiting) decline(received);
    // What the server has sent until it knows of the end is declined too.
    subscription.drain().catch((error: unknown) => {
      if (!isClosed(error)) link.logger.debug({ err: error }, 'a listener was left to the server');
    });
  }
}
