/** Who waits for an answer, by the subject it is to arrive on. */
export class Replies {
  #entered = 0;
  readonly #waiting = new Map<string, (body: Uint8Array) => void>();

  enter(onReply: (body: Uint8Array) => void): string {
    const subject = `_reply.${++this.#entered}`;
    this.#waiting.set(subject, onReply);
    return subject;
  }

  leave(subject: string): void {
    this.#waiting.delete(subject);
  }

  /** False when nobody waits there. */
  arrive(subject: string, body: Uint8Array): boolean {
    const onReply = this.#waiting.get(subject);
    onReply?.(body);
    return onReply !== undefined;
  }
}
