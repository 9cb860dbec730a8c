import { type MsgHdrs, nuid } from '@nats-io/transport-node';
import type { Actor } from '../envelope.ts';
import type { Link } from './link.ts';

/** Messages that are stored one by one at the same time; more wait. */
const SINGLES_AT_ONCE_MAX = 4;
/** Of those that somebody waits for, who is answered sooner the less they wait for each other. */
const PROMPT_AT_ONCE_MAX = 16;
/**
 * An atomic batch costs the server about as much as this many messages stored one by one, each of which
 * is synced to the disk; and half as much again is no gain worth its delay.
 */
const BATCH_MESSAGES_MIN = 24;
const BATCH_MESSAGES_MAX = 500;
const BATCH_BYTES_MAX = 4 * 1_048_576;
/** Batches in a row that were refused, after which none is tried for a while. */
const REFUSALS_MAX = 3;
const PAUSE_MS = 10_000;

export interface Storable {
  readonly subject: string;
  readonly body: Uint8Array;
  /** New ones at each call. */
  readonly headers: () => MsgHdrs;
  /** Stores the message by itself, through every break, and tells its place. Idempotent. */
  readonly alone: () => Promise<number>;
  /** `prompt`: a person waits for it. */
  readonly urgency: Urgency;
}

export type Urgency = 'prompt' | 'patient';

/** A user waits for the answer to what they said; everybody else is told of what comes of it. */
export function urgencyOf({ kind }: Actor): Urgency {
  return kind === 'user' ? 'prompt' : 'patient';
}

interface Waiting {
  readonly message: Storable;
  readonly resolve: (sequence: number) => void;
  readonly reject: (reason: unknown) => void;
}

interface Queue {
  waiting: Waiting[];
  singles: number;
  readonly singlesMax: number;
  isBatching: boolean;
}

/**
 * What this connection stores in one stream. Where many messages wait, they go in one atomic batch: one
 * answer, and a few syncs instead of one each. What a person waits for overtakes the rest, which keeps the
 * order in which it was given; so do the overtakers among themselves.
 */
export class StoreLane {
  readonly #link: Link;
  readonly #queues: Readonly<Record<Urgency, Queue>> = {
    prompt: { waiting: [], singles: 0, singlesMax: PROMPT_AT_ONCE_MAX, isBatching: false },
    patient: { waiting: [], singles: 0, singlesMax: SINGLES_AT_ONCE_MAX, isBatching: false },
  };
  #isStarting = false;
  #refusals = 0;
  #pausedUntilMs = 0;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Resolves with the place of the message when it is durable. @throws what `alone` throws. */
  store(message: Storable): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#queues[message.urgency].waiting.push({ message, resolve, reject });
      if (this.#isStarting) return;
      this.#isStarting = true;
      // After everybody who is ready now has given theirs.
      process.nextTick(() => {
        this.#isStarting = false;
        this.#go(this.#queues.prompt);
        this.#go(this.#queues.patient);
      });
    });
  }

  #go(queue: Queue): void {
    while (!queue.isBatching && queue.waiting.length > 0) {
      if (queue.waiting.length >= BATCH_MESSAGES_MIN && this.#mayBatch) {
        void this.#storeTogether(queue, takeBatch(queue.waiting));
        return;
      }
      if (queue.singles >= queue.singlesMax) return;
      const [next] = queue.waiting.splice(0, 1);
      if (next !== undefined) void this.#storeAlone(queue, next);
    }
  }

  get #mayBatch(): boolean {
    return this.#link.isConnected && this.#link.clock.nowMs() >= this.#pausedUntilMs;
  }

  async #storeAlone(queue: Queue, { message, resolve, reject }: Waiting): Promise<void> {
    queue.singles += 1;
    try {
      resolve(await message.alone());
    } catch (error) {
      reject(error);
    } finally {
      queue.singles -= 1;
      this.#go(queue);
    }
  }

  /** All of them or none; when it is none, or nobody knows, each is stored by itself. */
  async #storeTogether(queue: Queue, batch: readonly Waiting[]): Promise<void> {
    queue.isBatching = true;
    try {
      const last = await this.#sendBatch(batch.map(({ message }) => message));
      this.#refusals = 0;
      for (const [index, { resolve }] of batch.entries()) resolve(last - batch.length + 1 + index);
    } catch (error) {
      // One message that is there already, or in conflict, is enough for the server to refuse all.
      this.#link.logger.debug({ err: error, messages: batch.length }, 'a batch was not stored');
      this.#refusals += 1;
      if (this.#refusals >= REFUSALS_MAX) this.#pausedUntilMs = this.#link.clock.nowMs() + PAUSE_MS;
      await Promise.all(batch.map((each) => this.#storeAlone(queue, each)));
    } finally {
      queue.isBatching = false;
      this.#go(queue);
    }
  }

  /** The place of the last one. */
  async #sendBatch(messages: readonly Storable[]): Promise<number> {
    const id = nuid.next();
    const marked = messages.map(({ subject, body, headers }, index) => {
      const marks = headers();
      marks.set('Nats-Batch-Id', id);
      marks.set('Nats-Batch-Sequence', String(index + 1));
      if (index === messages.length - 1) marks.set('Nats-Batch-Commit', '1');
      return { subject, body, headers: marks };
    });
    const last = marked.pop();
    if (last === undefined) throw new Error('a batch has at least one message');
    for (const { subject, body, headers } of marked) this.#link.tell(subject, body, headers);
    return this.#link.store(last);
  }
}

/** Takes as many from the front as one batch may hold. */
function takeBatch(waiting: Waiting[]): readonly Waiting[] {
  let bytes = 0;
  const end = waiting.findIndex(({ message }) => {
    bytes += message.body.byteLength;
    return bytes > BATCH_BYTES_MAX;
  });
  return waiting.splice(0, Math.min(end < 1 ? waiting.length : end, BATCH_MESSAGES_MAX));
}
