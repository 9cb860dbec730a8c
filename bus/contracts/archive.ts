import { z } from 'zod';

export const ARCHIVE_SCHEMA_VERSION = 1;

/** The one archive: what has left the stream, in the order in which it left. */
export const ARCHIVE_ID = 'main';

const Digest = z.string().regex(/^[0-9a-f]{64}$/);

/** A segment as the log remembers it: enough to find it, and to find out that it was changed. */
export const ArchivedSegment = z.object({
  /** From 1, without gaps. */
  number: z.int().min(1),
  /** Of its objects in the store. */
  name: z.string().regex(/^\d{8}-[0-9a-f]{16}$/),
  /** SHA-256 (hex) of the manifest's bytes, and of those of the segment before; empty for the first. */
  manifestHash: Digest,
  previousManifestHash: z.union([Digest, z.literal('')]),
  /** SHA-256 (hex) of the compressed bytes. */
  contentHash: Digest,
  contentBytes: z.int().min(1),
  commits: z.int().min(1),
  aggregates: z.int().min(1),
  firstSequence: z.int().min(1),
  lastSequence: z.int().min(1),
  firstRecordedAtMs: z.number(),
  lastRecordedAtMs: z.number(),
  /** Names of the aggregates that it has commits of. */
  kinds: z.array(z.string()).min(1),
  /** Base64 of the keys of its aggregates, six bytes each, sorted. */
  keys: z.string(),
});
export type ArchivedSegment = Readonly<z.infer<typeof ArchivedSegment>>;

const RunCounts = {
  segments: z.int().min(0),
  aggregates: z.int().min(0),
  commits: z.int().min(0),
};

export const ArchiveEvent = z.discriminatedUnion('type', [
  /** Somebody wants a run before the next one is due. Runs are counted from 1. */
  z.object({ type: z.literal('archive-run-requested'), run: z.int().min(1) }),
  /** The segment lies in the store and was read back; its commits may leave the stream. */
  z.object({ type: z.literal('segment-archived'), segment: ArchivedSegment }),
  /** Its commits are no longer in the stream. */
  z.object({ type: z.literal('segment-purged'), number: z.int().min(1) }),
  z.object({ type: z.literal('archive-run-finished'), run: z.int().min(1), ...RunCounts }),
]);
export type ArchiveEvent = Readonly<z.infer<typeof ArchiveEvent>>;

export const ArchiveCommand = z.discriminatedUnion('type', [
  /** Idempotent while a run is asked for and not finished. */
  z.strictObject({ type: z.literal('request-run') }),
  z.strictObject({ type: z.literal('anchor'), segment: ArchivedSegment }),
  z.strictObject({ type: z.literal('report-purged'), number: z.int().min(1) }),
  z.strictObject({ type: z.literal('finish-run'), run: z.int().min(1), ...RunCounts }),
]);
export type ArchiveCommand = Readonly<z.infer<typeof ArchiveCommand>>;
