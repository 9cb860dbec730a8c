import { type Msg, type NatsConnection, nuid } from '@nats-io/transport-node';

/** One wildcard subscription on which all answers to this connection arrive. */
export class ReplyRoom {
  readonly #prefix: string;
  readonly #waiting = new Map<string, (message: Msg) => void>();

  constructor(connection: NatsConnection, prefix: string) {
    this.#prefix = prefix;
    connection.subscribe(`${prefix}.*`, {
      callback: (error, message) => {
        if (error === null) this.#waiting.get(message.subject)?.(message);
      },
    });
  }

  /** A subject of its own for the answers to one question; leave it when they have come. */
  enter(onMessage: (message: Msg) => void): string {
    const subject = `${this.#prefix}.${nuid.next()}`;
    this.#waiting.set(subject, onMessage);
    return subject;
  }

  leave(subject: string): void {
    this.#waiting.delete(subject);
  }
}
