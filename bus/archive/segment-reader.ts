import { type AuditFault, faultAt } from '../audit/fault.ts';
import type { LogMessage } from '../bus.ts';
import type { ArchivedSegment } from '../contracts/archive.ts';
import { hashOf } from '../message-codec.ts';
import { ArchiveDamaged } from './errors.ts';
import {
  type AggregateHead,
  contentName,
  lineEnd,
  linesOf,
  Manifest,
  manifestName,
  parseLine,
} from './segment.ts';
import type { SegmentStore } from './segment-store.ts';

/** Hears of what in the archive is not as it was written; absent: the first such thing is thrown. */
export type FaultListener = (fault: AuditFault) => void;

type Archived = Omit<ArchivedSegment, 'keys'>;

/** What was read of a segment makes room when it is more than half of what is held. */
const ROOM_BYTES_MIN = 64 * 1024;

/** The messages of a segment, one after the other. Holds what was not read yet. */
export class SegmentReader {
  readonly #segment: Archived;
  readonly #tell: FaultListener;
  readonly #heads: Heads | undefined;
  #lines: Buffer;
  #at = 0;
  #line = 0;
  #next: LogMessage | undefined;

  private constructor(
    segment: Archived,
    options: { readonly tell: FaultListener; readonly lines: Buffer; readonly heads?: Heads },
  ) {
    this.#segment = segment;
    this.#tell = options.tell;
    this.#lines = options.lines;
    this.#heads = options.heads;
    this.#advance();
  }

  /** @throws {ArchiveUnavailable} @throws {ArchiveDamaged} when nobody listens for faults. */
  static async open(
    store: SegmentStore,
    segment: Archived,
    listener?: FaultListener,
  ): Promise<SegmentReader> {
    const tell = listener ?? thrower(segment.name);
    const content = await store.get(contentName(segment.name));
    const lines =
      content === undefined ? missing(segment, tell) : await unpack(content, segment, tell);
    // Whoever reads only needs the contents, which the log itself vouches for.
    const manifest = listener && (await readManifest(store, segment, tell));
    const heads = lines.length === 0 ? undefined : manifest?.aggregates;
    return new SegmentReader(segment, { tell, lines, ...(heads && { heads: new Heads(heads) }) });
  }

  /** Where the next message belongs among those of other segments; undefined at the end. */
  get position(): number | undefined {
    if (this.#next === undefined) return undefined;
    // A sequence that was written over must not hold back what lies behind it.
    return Math.min(this.#next.sequence, this.#segment.lastSequence);
  }

  take(): LogMessage | undefined {
    const message = this.#next;
    this.#advance();
    return message;
  }

  #advance(): void {
    for (;;) {
      if (this.#at >= this.#lines.length) {
        this.#next = undefined;
        for (const fault of this.#heads?.finish(this.#segment.name) ?? []) this.#tell(fault);
        return;
      }
      const end = lineEnd(this.#lines, this.#at);
      const line = this.#lines.subarray(this.#at, end);
      this.#at = end + 1;
      this.#line += 1;
      this.#makeRoom();
      this.#next = parseLine(line, this.#segment.name);
      if (this.#next !== undefined) {
        this.#heads?.take(this.#next);
        return;
      }
      const place = { sequence: this.#segment.firstSequence, segment: this.#segment.name };
      this.#tell(faultAt('message-malformed', place, `Line ${this.#line} is no message.`));
    }
  }

  /** The commits of a long life are few, but they lie far apart: the others must not be held with them. */
  #makeRoom(): void {
    if (this.#at < ROOM_BYTES_MIN || this.#at < this.#lines.length / 2) return;
    this.#lines = Buffer.from(this.#lines.subarray(this.#at));
    this.#at = 0;
  }
}

/**
 * All messages of a segment, which is held against its manifest too.
 * @throws {ArchiveUnavailable} @throws {ArchiveDamaged}
 */
export async function readSegment(
  store: SegmentStore,
  segment: Archived,
): Promise<readonly LogMessage[]> {
  const reader = await SegmentReader.open(store, segment, thrower(segment.name));
  const messages: LogMessage[] = [];
  while (reader.position !== undefined) {
    const message = reader.take();
    if (message !== undefined) messages.push(message);
  }
  return messages;
}

function thrower(segment: string): FaultListener {
  return ({ message }) => {
    throw new ArchiveDamaged(segment, message);
  };
}

function missing(segment: Archived, tell: FaultListener): Buffer {
  const { firstSequence: sequence, lastSequence, commits, name } = segment;
  const text = `Its ${commits} commits, from ${sequence} to ${lastSequence}, are not in the store.`;
  tell(faultAt('segment-missing', { sequence, segment: name }, text));
  return Buffer.alloc(0);
}

async function unpack(
  content: Uint8Array,
  segment: Archived,
  tell: FaultListener,
): Promise<Buffer> {
  const place = { sequence: segment.firstSequence, segment: segment.name };
  if (hashOf(content) !== segment.contentHash)
    tell(faultAt('segment-altered', place, 'Its contents are not those that were archived.'));
  try {
    return await linesOf(content);
  } catch (error) {
    tell(faultAt('segment-altered', place, `Its contents cannot be unpacked: ${String(error)}.`));
    return Buffer.alloc(0);
  }
}

/** What the manifest says, if it is the one that was archived. */
async function readManifest(
  store: SegmentStore,
  segment: Archived,
  tell: FaultListener,
): Promise<Manifest | undefined> {
  const place = { sequence: segment.firstSequence, segment: segment.name };
  const bytes = await store.get(manifestName(segment.name));
  if (bytes === undefined) {
    tell(faultAt('segment-missing', place, 'Its manifest is not in the store.'));
    return undefined;
  }
  const isOwn = hashOf(bytes) === segment.manifestHash;
  if (!isOwn)
    tell(faultAt('manifest-altered', place, 'Its manifest is not the one that was archived.'));
  const manifest = parseManifest(bytes);
  if (manifest !== undefined && manifest.previousManifestHash !== segment.previousManifestHash)
    tell(faultAt('segment-chain-broken', place, 'Its manifest names another predecessor.'));
  return isOwn ? manifest : undefined;
}

function parseManifest(bytes: Uint8Array): Manifest | undefined {
  try {
    return Manifest.safeParse(JSON.parse(Buffer.from(bytes).toString())).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The newest commit of each aggregate as it was read, held against what the manifest says. */
class Heads {
  readonly #heads: readonly AggregateHead[];
  readonly #met = new Map<string, { readonly hash: string; readonly sequence: number }>();
  readonly #counts = new Map<string, number>();

  constructor(heads: readonly AggregateHead[]) {
    this.#heads = heads;
  }

  take({ subject, sequence, body }: LogMessage): void {
    this.#counts.set(subject, (this.#counts.get(subject) ?? 0) + 1);
    this.#met.set(subject, { sequence, hash: hashOf(body) });
  }

  finish(segment: string): readonly AuditFault[] {
    return this.#heads.flatMap(
      ({ aggregate, id: aggregateId, lastSequence, lastHash, commits }) => {
        const subject = `evt.${aggregate}.${aggregateId}`;
        const met = this.#met.get(subject);
        const place = { aggregate, aggregateId, sequence: lastSequence, segment };
        if (met === undefined)
          return [
            faultAt('commit-missing', place, `None of its ${commits} commits is in the segment.`),
          ];
        if (met.sequence < lastSequence)
          return [faultAt('commit-missing', place, 'Its last commit is not in the segment.')];
        if (met.hash !== lastHash)
          return [
            faultAt('commit-altered', place, 'Its last commit is not the one that was archived.'),
          ];
        const count = this.#counts.get(subject) ?? 0;
        if (count === commits) return [];
        const text = `The segment has ${count} of its commits; ${commits} were archived.`;
        return [faultAt(count < commits ? 'commit-missing' : 'commit-unknown', place, text)];
      },
    );
  }
}
