/** Of what a terminal printed, this much is there for who comes later. */
export const SCROLL_BACK_BYTES_MAX = 256 * 1024;

/**
 * What asks the terminal something: device attributes, status and modes, colours. Shown again, each would be
 * answered a second time, and the answer typed into the shell.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for.
const QUESTIONS = /\x1b\[[?>=]?[0-9;]*(?:[cn]|\$p)|\x1b\][0-9;]+;\?(?:\x07|\x1b\\)|\x05/g;

/** Output is copied into blocks: a shell prints a byte at a time. */
const BLOCK_BYTES = 16 * 1024;

interface Block {
  readonly bytes: Buffer;
  usedBytes: number;
}

/** The newest output of a terminal. Bytes are counted from the start of its shell. */
export class ScrollBack {
  readonly #blocks: Block[] = [];
  #startBytes = 0;
  #endBytes = 0;

  /** Place of the oldest byte that is there. */
  get startBytes(): number {
    return this.#startBytes;
  }

  get endBytes(): number {
    return this.#endBytes;
  }

  append(bytes: Uint8Array): void {
    let last = this.#blocks.at(-1);
    for (let at = 0; at < bytes.length; ) {
      if (last === undefined || last.usedBytes === BLOCK_BYTES) {
        last = { bytes: Buffer.allocUnsafeSlow(BLOCK_BYTES), usedBytes: 0 };
        this.#blocks.push(last);
      }
      const part = bytes.subarray(at, at + BLOCK_BYTES - last.usedBytes);
      last.bytes.set(part, last.usedBytes);
      last.usedBytes += part.length;
      at += part.length;
    }
    this.#endBytes += bytes.length;
    for (;;) {
      const [oldest] = this.#blocks;
      const keptBytes = this.#endBytes - this.#startBytes;
      if (oldest === undefined || keptBytes - oldest.usedBytes < SCROLL_BACK_BYTES_MAX) return;
      this.#startBytes += oldest.usedBytes;
      this.#blocks.shift();
    }
  }

  /** From a place that is there, so many bytes at most. */
  read(fromBytes: number, bytesMax: number): Buffer {
    const found: Buffer[] = [];
    let at = this.#startBytes;
    let wantedBytes = bytesMax;
    for (const { bytes, usedBytes } of this.#blocks) {
      const skippedBytes = Math.max(0, fromBytes - at);
      at += usedBytes;
      if (skippedBytes >= usedBytes) continue;
      const part = bytes.subarray(skippedBytes, Math.min(usedBytes, skippedBytes + wantedBytes));
      found.push(part);
      wantedBytes -= part.length;
      if (wantedBytes === 0) break;
    }
    // A copy: a block goes on being written to.
    return Buffer.concat(found);
  }

  /** All from that place on, as it may be shown again: questions are blank, so that places stay. */
  again(fromBytes: number): Buffer {
    const text = this.read(fromBytes, SCROLL_BACK_BYTES_MAX * 2).toString('latin1');
    // Terminals pass over NUL.
    return Buffer.from(
      text.replace(QUESTIONS, (asked) => '\0'.repeat(asked.length)),
      'latin1',
    );
  }
}
