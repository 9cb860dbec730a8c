/** Bytes that come in pieces, taken in amounts that the reader names. */
export class ByteSource {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #piece: Buffer = Buffer.alloc(0);

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** What is there next, at most so much; undefined at the end. */
  async some(bytesMax: number): Promise<Buffer | undefined> {
    while (this.#piece.length === 0) {
      const { done, value } = await this.#pieces.next();
      if (done === true) return undefined;
      this.#piece = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
    const some = this.#piece.subarray(0, bytesMax);
    this.#piece = this.#piece.subarray(some.length);
    return some;
  }

  /** Exactly so much; undefined when there is less. */
  async exactly(bytes: number): Promise<Buffer | undefined> {
    const whole = Buffer.alloc(bytes);
    for (let at = 0; at < bytes; ) {
      const some = await this.some(bytes - at);
      if (some === undefined) return undefined;
      whole.set(some, at);
      at += some.length;
    }
    return whole;
  }
}
