import { closeSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { open, watch } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeFrame, FrameDecoder, type LogChunk, type LogSource } from '../log-frames.ts';

/** A log is kept in segments named after the place of their first byte; the oldest go. */
const SEGMENT_BYTES_MAX = 8 * 1024 * 1024;
const SEGMENTS_MAX = 5;
const READ_BYTES = 64 * 1024;
const NAME = /^log-(\d{16})$/;
const DIGITS = 16;

/** The one writer of a kernel's log. */
export class SegmentedLog implements Disposable {
  readonly #directory: string;
  #offsetBytes = 0;
  #segmentBytes = 0;
  #file: number;

  constructor(directory: string) {
    this.#directory = directory;
    this.#file = this.#open();
  }

  append(source: LogSource, bytes: Uint8Array): void {
    if (this.#segmentBytes >= SEGMENT_BYTES_MAX) {
      closeSync(this.#file);
      this.#file = this.#open();
      this.#segmentBytes = 0;
      for (const base of segments(this.#directory).slice(0, -SEGMENTS_MAX))
        rmSync(segmentPath(this.#directory, base), { force: true });
    }
    writeSync(this.#file, encodeFrame(source, bytes));
    this.#offsetBytes += bytes.byteLength;
    this.#segmentBytes += bytes.byteLength;
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }

  #open(): number {
    return openSync(segmentPath(this.#directory, this.#offsetBytes), 'a', 0o600);
  }
}

/**
 * The log from `offsetBytes` on, or from the oldest byte that is kept. `isOver` is asked before each
 * reading: what it then finds is the last.
 */
export async function* readLog(
  directory: string,
  from: { readonly offsetBytes: number; readonly isOver: () => boolean },
  signal: AbortSignal,
): AsyncGenerator<LogChunk> {
  const stopper = new AbortController();
  const limited = AbortSignal.any([signal, stopper.signal]);
  // Watching begins before the first reading, so that nothing is written unnoticed in between.
  const notices = watch(directory, { signal: limited })[Symbol.asyncIterator]();
  let notice = notices.next();
  notice.catch(() => undefined);
  try {
    const place = { base: -1, position: 0, contentBytes: 0, fromBytes: from.offsetBytes };
    for (;;) {
      const isLast = from.isOver();
      yield* readNew(directory, place);
      if (isLast) return;
      await notice;
      notice = notices.next();
      notice.catch(() => undefined);
    }
  } catch (cause) {
    signal.throwIfAborted();
    throw cause;
  } finally {
    stopper.abort(new Error('the log is not read any more'));
  }
}

interface Place {
  /** Segment that is being read, and where in its file the next whole frame begins. */
  base: number;
  position: number;
  /** Place in the log of the content at `position`. */
  contentBytes: number;
  readonly fromBytes: number;
}

/** All frames written since `place`, which moves on. A frame still being written is left for later. */
async function* readNew(directory: string, place: Place): AsyncGenerator<LogChunk> {
  const bases = segments(directory);
  for (const [index, base] of bases.entries()) {
    const next = bases[index + 1];
    if (base < place.base || (next !== undefined && next <= place.fromBytes)) continue;
    if (base !== place.base) {
      place.base = base;
      place.position = 0;
      place.contentBytes = base;
    }
    yield* readSegment(segmentPath(directory, base), place);
  }
}

async function* readSegment(path: string, place: Place): AsyncGenerator<LogChunk> {
  await using file = await open(path, 'r');
  const decoder = new FrameDecoder(place.fromBytes, place.contentBytes);
  const buffer = Buffer.alloc(READ_BYTES);
  for (let at = place.position; ; ) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) break;
    at += bytesRead;
    const chunks = decoder.push(buffer.subarray(0, bytesRead));
    place.position = at - decoder.pendingBytes;
    place.contentBytes = decoder.offsetBytes;
    yield* chunks;
  }
}

/** Places of the first bytes of the segments that are kept, oldest first. */
function segments(directory: string): readonly number[] {
  return readdirSync(directory)
    .map((name) => NAME.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((left, right) => left - right);
}

function segmentPath(directory: string, base: number): string {
  return join(directory, `log-${String(base).padStart(DIGITS, '0')}`);
}
