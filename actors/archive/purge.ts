import { type AnchoredSegment, type RecordedCommit, readCommit, readSegment } from '@orrery/bus';
import type { Archiver } from './archiver.ts';

/** Aggregates that are purged side by side, and then a pause, so that it is not felt. */
const AGGREGATES_AT_ONCE = 8;
const PAUSE_MS = 10;

/**
 * Takes the commits of a segment out of the stream, once it was read again. Idempotent.
 * @throws {ArchiveDamaged} when the segment is not what was archived: nothing is taken out then.
 */
export async function purgeSegment(
  { stream, store, clock }: Pick<Archiver, 'stream' | 'store' | 'clock'>,
  segment: AnchoredSegment,
  signal: AbortSignal,
): Promise<void> {
  // In the order of the log, so that of each aggregate the newest stays.
  const commits = (await readSegment(store, segment)).map(readCommit);
  const newest = new Map(
    commits.map((commit) => [`${commit.aggregate}.${commit.aggregateId}`, commit]),
  );
  const purges = [...newest.values()];
  for (let at = 0; at < purges.length; at += AGGREGATES_AT_ONCE) {
    signal.throwIfAborted();
    const some = purges.slice(at, at + AGGREGATES_AT_ONCE);
    const purge = ({ aggregate, aggregateId, sequence }: RecordedCommit): Promise<void> =>
      stream.purge(aggregate, aggregateId, sequence);
    await Promise.all(some.map(purge));
    await clock.sleep(PAUSE_MS, signal);
  }
}
