import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { SnapshotStore } from '../bus.ts';
import type { AggregateName } from '../envelope.ts';
import { BusUnavailable } from '../errors.ts';
import { hashOf } from '../message-codec.ts';
import { streams, subjects } from '../subjects.ts';
import type { Link } from './link.ts';

/** A chunk is sent when it has reached this; a piece on top of it must leave it under 1 MiB. */
const CHUNK_BYTES = 256 * 1024;
const CHUNK_BYTES_MAX = 900 * 1024;
/** A body up to this size lies in chunk 0 itself; as text inside JSON it can grow to twice its size. */
const SMALL_BYTES_MAX = 256 * 1024;
const CHUNKS_MAX = 2_000;
/** Chunks that are read at the same time. */
const READS_MAX = 8;
/** Chunks 1 and up, and the other set of places: a save never touches the chunks that are in force. */
const FIRST_PLACES = [1, 1 + CHUNKS_MAX] as const;
const STATUS_NOT_FOUND = 404;

/** Chunk 0: names the chunks that belong together, and is written last. */
const Head = z.object({
  sequence: z.int(),
  firstPlace: z.int().min(0),
  chunks: z.int().min(0).max(CHUNKS_MAX),
  digest: z.string(),
  /** The whole body when it is small. */
  body: z.string().optional(),
});
type Head = z.infer<typeof Head>;

interface Place {
  readonly aggregate: AggregateName;
  readonly id: string;
}

export function createSnapshotStore(link: Link): SnapshotStore {
  return {
    load: (aggregate, id) => load(link, { aggregate, id }),
    save: (aggregate, id, snapshot) => save(link, { aggregate, id }, snapshot),
  };
}

async function load(
  link: Link,
  place: Place,
): Promise<{ readonly sequence: number; readonly body: string } | undefined> {
  const head = await readHead(link, place);
  if (head === undefined) return undefined;
  const body =
    head.body === undefined ? await readChunks(link, place, head) : Buffer.from(head.body);
  if (hashOf(body) === head.digest) return { sequence: head.sequence, body: body.toString() };
  link.logger.warn({ ...place }, 'a snapshot is not whole; the log is read instead');
  return undefined;
}

async function readChunks(link: Link, { aggregate, id }: Place, head: Head): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let next = 0;
  const readers = Array.from({ length: Math.min(READS_MAX, head.chunks) }, async () => {
    while (next < head.chunks) {
      const index = next++;
      const subject = subjects.snapshot(aggregate, id, head.firstPlace + index);
      chunks[index] = (await readLast(link, subject)) ?? Buffer.alloc(0);
    }
  });
  await Promise.all(readers);
  return Buffer.concat(chunks);
}

async function save(
  link: Link,
  place: Place,
  { sequence, body }: { readonly sequence: number; readonly body: string | Iterable<string> },
): Promise<void> {
  const pieces = chunksOf(typeof body === 'string' ? slicesOf(body) : body);
  const first = pieces.next();
  const second = first.done ? first : pieces.next();
  const bytes: Buffer = first.done ? Buffer.alloc(0) : first.value;
  if (second.done && bytes.byteLength <= SMALL_BYTES_MAX) {
    const digest = hashOf(bytes);
    await writeHead(link, place, {
      sequence,
      firstPlace: 0,
      chunks: 0,
      digest,
      body: bytes.toString(),
    });
    return;
  }
  const previous = await readHead(link, place);
  const [low, high] = FIRST_PLACES;
  const writing = new ChunkWriter(link, place, previous?.firstPlace === low ? high : low);
  await writing.write(bytes);
  for (let chunk = second; !chunk.done; chunk = pieces.next()) await writing.write(chunk.value);
  await writeHead(link, place, { sequence, ...writing.end() });
}

/** Writes the chunks of one snapshot, none of which is in force before the head names it. */
class ChunkWriter {
  readonly #link: Link;
  readonly #place: Place;
  readonly #firstPlace: number;
  readonly #digest = createHash('sha256');
  #chunks = 0;

  constructor(link: Link, place: Place, firstPlace: number) {
    this.#link = link;
    this.#place = place;
    this.#firstPlace = firstPlace;
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#chunks === CHUNKS_MAX) throw new RangeError('a snapshot is too large');
    const { aggregate, id } = this.#place;
    const subject = subjects.snapshot(aggregate, id, this.#firstPlace + this.#chunks);
    this.#digest.update(chunk);
    this.#chunks += 1;
    await this.#link.publish(subject, chunk);
  }

  end(): Pick<Head, 'firstPlace' | 'chunks' | 'digest'> {
    const digest = this.#digest.digest('hex');
    return { firstPlace: this.#firstPlace, chunks: this.#chunks, digest };
  }
}

/** Pieces put together to chunks. @throws {RangeError} at a piece that no message can hold. */
function* chunksOf(pieces: Iterable<string>): Generator<Buffer, undefined> {
  let waiting: Buffer[] = [];
  let byteLength = 0;
  for (const piece of pieces) {
    const bytes = Buffer.from(piece);
    if (byteLength + bytes.byteLength > CHUNK_BYTES_MAX)
      throw new RangeError(`a piece of a snapshot has ${bytes.byteLength} bytes`);
    waiting.push(bytes);
    byteLength += bytes.byteLength;
    if (byteLength < CHUNK_BYTES) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    byteLength = 0;
  }
  if (byteLength > 0) yield Buffer.concat(waiting);
  return undefined;
}

/** Whole characters, so that each slice has bytes of its own. */
function* slicesOf(text: string): Generator<string> {
  const characters = CHUNK_BYTES / 4;
  for (let start = 0; start < text.length; ) {
    const isSplit = isHighSurrogate(text.charCodeAt(start + characters - 1));
    const end = start + characters - (isSplit ? 1 : 0);
    yield text.slice(start, end);
    start = end;
  }
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

async function writeHead(link: Link, { aggregate, id }: Place, head: Head): Promise<void> {
  await link.publish(subjects.snapshot(aggregate, id, 0), JSON.stringify(head));
}

/** What nobody can read counts as nothing. */
async function readHead(link: Link, { aggregate, id }: Place): Promise<Head | undefined> {
  const bytes = await readLast(link, subjects.snapshot(aggregate, id, 0));
  if (bytes === undefined) return undefined;
  try {
    return Head.parse(JSON.parse(bytes.toString()));
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof z.ZodError)) throw error;
    link.logger.warn({ err: error, aggregate, id }, 'the head of a snapshot cannot be read');
    return undefined;
  }
}

async function readLast(link: Link, subject: string): Promise<Buffer | undefined> {
  const message = await link.exchange('read a snapshot', () =>
    link.send(`$JS.API.DIRECT.GET.${streams.snapshots}.${subject}`, ''),
  );
  const code = message.headers?.code;
  if (code === STATUS_NOT_FOUND) return undefined;
  if (code !== 0) throw new BusUnavailable(`read a snapshot: ${message.headers?.description}`);
  return Buffer.from(message.data);
}
