import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { z } from 'zod';
import type { LogMessage } from '../bus.ts';
import type { ArchivedSegment } from '../contracts/archive.ts';
import type { RecordedCommit } from '../envelope.ts';
import { hashOf } from '../message-codec.ts';
import { joinKeys, keyOf } from './aggregate-key.ts';

/** Bytes of a segment before it is compressed; the last aggregate may go beyond by what it has. */
export const SEGMENT_BYTES_MAX = 4 * 1024 * 1024;
/** What a segment may become when it is decompressed; more was not written by us. */
const DECOMPRESSED_BYTES_MAX = 64 * 1024 * 1024;
const COMPRESSION_LEVEL = 9;
const NEWLINE = 0x0a;

export const contentName = (name: string): string => `${name}.ndjson.zst`;
export const manifestName = (name: string): string => `${name}.manifest.json`;

const AggregateHead = z.object({
  aggregate: z.string(),
  id: z.string(),
  commits: z.int(),
  firstRevision: z.int(),
  /** Of the newest commit that the segment has of it. */
  lastSequence: z.int(),
  lastHash: z.string(),
});
export type AggregateHead = z.infer<typeof AggregateHead>;

/** What lies beside a segment and can be read without the log. */
export const Manifest = z.object({
  format: z.literal('orrery-archive-1'),
  number: z.int(),
  previousManifestHash: z.string(),
  contentHash: z.string(),
  contentBytes: z.int(),
  commits: z.int(),
  firstSequence: z.int(),
  lastSequence: z.int(),
  aggregates: z.array(AggregateHead),
});
export type Manifest = z.infer<typeof Manifest>;

/** A message that is to be archived, with what its body says. */
export interface ArchivedMessage {
  readonly message: LogMessage;
  readonly commit: RecordedCommit;
}

export interface EncodedSegment {
  readonly segment: ArchivedSegment;
  readonly content: Uint8Array;
  readonly manifest: Uint8Array;
}

/** One line: the place of the message, and its body byte for byte, which is JSON itself. */
export function lineOf({ sequence, subject, messageId, body }: LogMessage): Buffer {
  const place = JSON.stringify({ sequence, subject, messageId });
  return Buffer.concat([Buffer.from(`${place.slice(0, -1)},"commit":`), body, Buffer.from('}\n')]);
}

const LinePlace = z.object({
  sequence: z.int(),
  subject: z.string(),
  messageId: z.string().optional(),
});
const COMMIT_MARK = Buffer.from(',"commit":');

/** Undefined when the line is none of ours. */
export function parseLine(line: Buffer, segment: string): LogMessage | undefined {
  const mark = line.indexOf(COMMIT_MARK);
  if (mark < 0 || line.at(-1) !== 0x7d) return undefined;
  const place = placeOf(line.subarray(0, mark));
  if (place === undefined) return undefined;
  const { sequence, subject, messageId } = place;
  const body = line.subarray(mark + COMMIT_MARK.length, -1);
  return { sequence, subject, messageId, body, segment };
}

function placeOf(start: Buffer): z.infer<typeof LinePlace> | undefined {
  try {
    return LinePlace.safeParse(JSON.parse(`${start.toString()}}`)).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** The lines of a segment. @throws when the bytes are not what the compression made. */
export async function linesOf(content: Uint8Array): Promise<Buffer> {
  return await decompress(content, { maxOutputLength: DECOMPRESSED_BYTES_MAX });
}

/** Where the line that begins at `from` ends; the end of what is there when its newline is missing. */
export function lineEnd(lines: Buffer, from: number): number {
  const end = lines.indexOf(NEWLINE, from);
  return end < 0 ? lines.length : end;
}

/** Takes at least one message, in the order of the log. */
export async function encodeSegment(
  messages: readonly ArchivedMessage[],
  after: { readonly number: number; readonly manifestHash: string },
): Promise<EncodedSegment> {
  const first = messages[0];
  const last = messages.at(-1);
  if (first === undefined || last === undefined) throw new Error('a segment has a message');
  const lines = Buffer.concat(messages.map(({ message }) => lineOf(message)));
  const params = { [constants.ZSTD_c_compressionLevel]: COMPRESSION_LEVEL };
  const content = await compress(lines, { params });
  const place = {
    number: after.number + 1,
    previousManifestHash: after.manifestHash,
    contentHash: hashOf(content),
    contentBytes: content.byteLength,
    commits: messages.length,
    firstSequence: first.message.sequence,
    lastSequence: last.message.sequence,
  };
  const aggregates = headsOf(messages);
  const described: Manifest = { format: 'orrery-archive-1', ...place, aggregates };
  const manifest = Buffer.from(`${JSON.stringify(described)}\n`);
  const times = messages.map(({ commit }) => commit.recordedAtMs);
  const segment: ArchivedSegment = {
    ...place,
    name: `${String(place.number).padStart(8, '0')}-${place.contentHash.slice(0, 16)}`,
    manifestHash: hashOf(manifest),
    aggregates: aggregates.length,
    firstRecordedAtMs: times.reduce((least, time) => Math.min(least, time)),
    lastRecordedAtMs: times.reduce((most, time) => Math.max(most, time)),
    kinds: [...new Set(aggregates.map(({ aggregate }) => aggregate))].sort(),
    keys: joinKeys(aggregates.map(({ aggregate, id }) => keyOf(aggregate, id))),
  };
  return { segment, content, manifest };
}

function headsOf(messages: readonly ArchivedMessage[]): AggregateHead[] {
  const heads = new Map<string, AggregateHead>();
  for (const { commit } of messages) {
    const { aggregate, aggregateId: id, sequence: lastSequence, hash: lastHash } = commit;
    const known = heads.get(`${aggregate}.${id}`);
    const commits = (known?.commits ?? 0) + 1;
    const firstRevision = known?.firstRevision ?? commit.firstRevision;
    const head = { aggregate, id, commits, firstRevision, lastSequence, lastHash };
    heads.set(`${aggregate}.${id}`, head);
  }
  return [...heads.values()];
}
