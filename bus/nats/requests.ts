import {
  ClosedConnectionError,
  DrainingConnectionError,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
} from '@nats-io/transport-node';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';

/** A question that has no answer after this time is asked in vain; looked at once in a period. */
const ANSWER_MS_MAX = 5_000;
const SWEEP_PERIOD_MS = 1_000;
const STATUS_NO_RESPONDERS = 503;

/** No answer came, or the connection broke before it could: the same question may be asked again. */
export class Unanswered extends Error {}

interface Outgoing {
  readonly subject: string;
  readonly body: Uint8Array | string | undefined;
  readonly headers?: MsgHdrs | undefined;
  /** Subject of the answer; undefined: none is waited for. */
  readonly reply?: string;
}

interface Question {
  readonly subject: string;
  readonly askedAtMs: number;
  readonly resolve: (answer: Msg) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Everything that is sent in one turn of the event loop leaves in one write, and one timer watches over
 * all questions: with the library's own requests, each costs a timer, an error with its stack and
 * mostly a system call.
 */
export class Requests {
  readonly #connection: NatsConnection;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #prefix: string;
  /** By the subject of the answer, in the order in which they were asked. */
  readonly #waiting = new Map<string, Question>();
  #outgoing: Outgoing[] = [];
  #asked = 0;
  #sweeping: Promise<void> | undefined;
  readonly #closed: AbortSignal;

  constructor(options: {
    readonly connection: NatsConnection;
    readonly prefix: string;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly closed: AbortSignal;
  }) {
    this.#connection = options.connection;
    this.#prefix = options.prefix;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#closed = options.closed;
    this.#connection.subscribe(`${this.#prefix}.*`, {
      callback: (error, message) => {
        if (error === null) this.#answer(message);
      },
    });
  }

  /** @throws {Unanswered} when the connection breaks, and after `ANSWER_MS_MAX`. */
  ask(subject: string, body: Uint8Array | string, headers?: MsgHdrs): Promise<Msg> {
    return new Promise((resolve, reject) => {
      this.#asked += 1;
      const reply = `${this.#prefix}.${this.#asked.toString(36)}`;
      this.#waiting.set(reply, { subject, askedAtMs: this.#clock.nowMs(), resolve, reject });
      this.#sweeping ??= this.#sweep();
      this.#send({ subject, body, headers, reply });
    });
  }

  /** Sends what nobody answers. */
  tell(subject: string, body?: Uint8Array | string, headers?: MsgHdrs): void {
    this.#send({ subject, body, headers });
  }

  /** Sends what is answered, if at all, on a subject of the asker's own. */
  tellFor(reply: string, subject: string, body: Uint8Array | string): void {
    this.#send({ subject, body, reply });
  }

  /** Hands everything told so far to the connection. */
  flush(): void {
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    for (const message of outgoing) this.#publish(message);
  }

  /** All questions are answered with the reason: those on the subject, else all there are. */
  rejectAll(reason: unknown, subject?: string): void {
    for (const [reply, question] of this.#waiting) {
      if (subject !== undefined && question.subject !== subject) continue;
      this.#waiting.delete(reply);
      question.reject(reason);
    }
  }

  #send(message: Outgoing): void {
    this.#outgoing.push(message);
    // After everything that is ready to run in this turn, before the next input is read.
    if (this.#outgoing.length === 1) process.nextTick(() => this.flush());
  }

  #publish({ subject, body, headers, reply }: Outgoing): void {
    try {
      this.#connection.publish(subject, body, {
        ...(headers === undefined ? {} : { headers }),
        ...(reply === undefined ? {} : { reply }),
      });
    } catch (error) {
      if (reply !== undefined) {
        this.#waiting.get(reply)?.reject(error);
        this.#waiting.delete(reply);
      } else if (!isClosed(error)) {
        this.#logger.error({ err: error, subject }, 'a message could not be sent');
      }
    }
  }

  #answer(message: Msg): void {
    const { subject } = message;
    const question = this.#waiting.get(subject);
    if (question === undefined) return;
    this.#waiting.delete(subject);
    if (isUnheard(message))
      question.reject(new Unanswered(`nobody answers on ${question.subject}`));
    else question.resolve(message);
  }

  async #sweep(): Promise<void> {
    while (this.#waiting.size > 0 && !this.#closed.aborted) {
      await this.#clock.sleep(SWEEP_PERIOD_MS, this.#closed).catch(() => undefined);
      const oldestMs = this.#clock.nowMs() - ANSWER_MS_MAX;
      for (const [reply, question] of this.#waiting) {
        if (question.askedAtMs > oldestMs) break;
        this.#waiting.delete(reply);
        question.reject(new Unanswered(`no answer on ${question.subject}`));
      }
    }
    this.#sweeping = undefined;
  }
}

/** The server says that nobody listens on a subject. */
export function isUnheard({ data, headers }: Msg): boolean {
  return data.length === 0 && headers?.code === STATUS_NO_RESPONDERS;
}

export function isClosed(error: unknown): boolean {
  return error instanceof ClosedConnectionError || error instanceof DrainingConnectionError;
}
