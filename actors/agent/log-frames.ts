/** Which of a program's two streams a piece of log came from. */
export type LogSource = 'stdout' | 'stderr';

/** A piece of a kernel's log. `offsetBytes` is the place of its first byte in the whole log. */
export interface LogChunk {
  readonly source: LogSource;
  readonly bytes: Buffer;
  readonly offsetBytes: number;
}

const HEADER_BYTES = 8;
const FRAME_BYTES_MAX = 16 * 1024 * 1024;

/** One frame as the Docker engine writes it: stream, three zeros, length (big endian), content. */
export function encodeFrame(source: LogSource, bytes: Uint8Array): Buffer {
  const frame = Buffer.alloc(HEADER_BYTES + bytes.byteLength);
  frame[0] = source === 'stdout' ? 1 : 2;
  frame.writeUInt32BE(bytes.byteLength, 4);
  frame.set(bytes, HEADER_BYTES);
  return frame;
}

/** Puts frames together again from pieces cut anywhere. Offsets count content, not headers. */
export class FrameDecoder {
  #pending: Buffer = Buffer.alloc(0);
  #offsetBytes: number;
  readonly #fromBytes: number;

  /** Content before `fromBytes` is counted and left out; the stream starts at `startBytes`. */
  constructor(fromBytes = 0, startBytes = 0) {
    this.#fromBytes = fromBytes;
    this.#offsetBytes = startBytes;
  }

  /** Place in the log of the next byte to come. */
  get offsetBytes(): number {
    return this.#offsetBytes;
  }

  /** Bytes, headers included, of a frame that is not whole yet. */
  get pendingBytes(): number {
    return this.#pending.length;
  }

  push(piece: Uint8Array): readonly LogChunk[] {
    this.#pending =
      this.#pending.length === 0 ? Buffer.from(piece) : Buffer.concat([this.#pending, piece]);
    const chunks: LogChunk[] = [];
    let at = 0;
    while (this.#pending.length - at >= HEADER_BYTES) {
      const length = this.#pending.readUInt32BE(at + 4);
      if (length > FRAME_BYTES_MAX) throw new RangeError(`a log frame of ${length} bytes`);
      const end = at + HEADER_BYTES + length;
      if (this.#pending.length < end) break;
      const chunk = this.#take(
        this.#pending[at] === 2 ? 'stderr' : 'stdout',
        at + HEADER_BYTES,
        end,
      );
      if (chunk !== undefined) chunks.push(chunk);
      at = end;
    }
    this.#pending = this.#pending.subarray(at);
    return chunks;
  }

  #take(source: LogSource, start: number, end: number): LogChunk | undefined {
    const offsetBytes = this.#offsetBytes;
    this.#offsetBytes += end - start;
    const leftOut = Math.max(0, this.#fromBytes - offsetBytes);
    if (leftOut >= end - start) return undefined;
    return {
      source,
      bytes: Buffer.from(this.#pending.subarray(start + leftOut, end)),
      offsetBytes: offsetBytes + leftOut,
    };
  }
}

export async function* decodeFrames(
  pieces: AsyncIterable<Uint8Array>,
  decoder: FrameDecoder,
): AsyncGenerator<LogChunk> {
  for await (const piece of pieces) yield* decoder.push(piece);
}
