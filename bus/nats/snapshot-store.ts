import { z } from 'zod';
import type { SnapshotStore } from '../bus.ts';
import type { AggregateName } from '../envelope.ts';
import { BusUnavailable } from '../errors.ts';
import { hashOf } from '../message-codec.ts';
import { streams, subjects } from '../subjects.ts';
import type { Link } from './link.ts';

const CHUNK_BYTES_MAX = 512 * 1024;
/** A body up to this size lies in chunk 0 itself; as text inside JSON it can grow to twice its size. */
const SMALL_BYTES_MAX = 256 * 1024;
const CHUNKS_MAX = 2_000;
/** Chunks 1 and up, and the other set of places: a save never touches the chunks that are in force. */
const FIRST_PLACES = [1, 1 + CHUNKS_MAX] as const;
const STATUS_NOT_FOUND = 404;

/** Chunk 0: names the chunks that belong together, and is written last. */
const Head = z.object({
  sequence: z.int(),
  firstPlace: z.int(),
  chunks: z.int(),
  digest: z.string(),
  /** The whole body when it is small. */
  body: z.string().optional(),
});
type Head = z.infer<typeof Head>;

export function createSnapshotStore(link: Link): SnapshotStore {
  return {
    load: (aggregate, id) => load(link, aggregate, id),
    save: (aggregate, id, snapshot) => save(link, { aggregate, id }, snapshot),
  };
}

async function load(
  link: Link,
  aggregate: AggregateName,
  id: string,
): Promise<{ readonly sequence: number; readonly body: string } | undefined> {
  const head = await readHead(link, aggregate, id);
  if (head === undefined) return undefined;
  if (head.body !== undefined) return { sequence: head.sequence, body: head.body };
  const places = Array.from({ length: head.chunks }, (_, index) => head.firstPlace + index);
  const chunks = await Promise.all(
    places.map((place) => readLast(link, subjects.snapshot(aggregate, id, place))),
  );
  const body = Buffer.concat(chunks.filter((chunk) => chunk !== undefined));
  if (hashOf(body) !== head.digest) {
    link.logger.warn({ aggregate, id }, 'a snapshot is not whole; the log is read instead');
    return undefined;
  }
  return { sequence: head.sequence, body: body.toString() };
}

async function save(
  link: Link,
  { aggregate, id }: { readonly aggregate: AggregateName; readonly id: string },
  { sequence, body }: { readonly sequence: number; readonly body: string },
): Promise<void> {
  const bytes = Buffer.from(body);
  const digest = hashOf(bytes);
  const headSubject = subjects.snapshot(aggregate, id, 0);
  if (bytes.byteLength <= SMALL_BYTES_MAX) {
    const head: Head = { sequence, firstPlace: 0, chunks: 0, digest, body };
    await link.publish(headSubject, JSON.stringify(head));
    return;
  }
  const chunks = Math.ceil(bytes.byteLength / CHUNK_BYTES_MAX);
  if (chunks > CHUNKS_MAX)
    throw new RangeError(`a snapshot of ${bytes.byteLength} bytes is too large`);
  const previous = await readHead(link, aggregate, id);
  const [first, second] = FIRST_PLACES;
  const firstPlace = previous?.firstPlace === first ? second : first;
  for (let index = 0; index < chunks; index++) {
    const chunk = bytes.subarray(index * CHUNK_BYTES_MAX, (index + 1) * CHUNK_BYTES_MAX);
    await link.publish(subjects.snapshot(aggregate, id, firstPlace + index), chunk);
  }
  const head: Head = { sequence, firstPlace, chunks, digest };
  await link.publish(headSubject, JSON.stringify(head));
}

async function readHead(
  link: Link,
  aggregate: AggregateName,
  id: string,
): Promise<Head | undefined> {
  const bytes = await readLast(link, subjects.snapshot(aggregate, id, 0));
  return bytes === undefined ? undefined : Head.parse(JSON.parse(bytes.toString()));
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
