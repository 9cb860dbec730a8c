import { type AuditFault, faultAt } from '../audit/fault.ts';
import type { AnchoredSegment } from './archive-index.ts';
import { contentName, manifestName } from './segment.ts';
import type { SegmentStore } from './segment-store.ts';

/**
 * What is wrong with the archive as a whole: the anchors do not follow one another, or the store holds what
 * was never archived. What is wrong inside a segment is told by whoever reads it.
 */
export async function verifyArchive(
  segments: readonly AnchoredSegment[],
  store: SegmentStore | undefined,
): Promise<readonly AuditFault[]> {
  return [
    ...anchorFaults(segments),
    ...(store === undefined ? [] : await strangers(segments, store)),
  ];
}

function anchorFaults(segments: readonly AnchoredSegment[]): readonly AuditFault[] {
  let number = 0;
  let manifestHash = '';
  return segments.flatMap((segment) => {
    const place = { sequence: segment.firstSequence, segment: segment.name };
    const follows = segment.number === number + 1 && segment.previousManifestHash === manifestHash;
    number = segment.number;
    manifestHash = segment.manifestHash;
    if (follows) return [];
    const text = `It is anchored as number ${segment.number}, but does not follow the one before it.`;
    return [faultAt('segment-chain-broken', place, text)];
  });
}

/** One with a later number than the newest may be under way: nobody reads it before it is anchored. */
async function strangers(
  segments: readonly AnchoredSegment[],
  store: SegmentStore,
): Promise<readonly AuditFault[]> {
  const names = segments.flatMap(({ name }) => [contentName(name), manifestName(name)]);
  const known = new Set(names);
  const newest = segments.at(-1)?.number ?? 0;
  const found = await store.list();
  return found
    .filter((name) => !known.has(name) && !(Number.parseInt(name, 10) > newest))
    .map((name) => {
      const place = { sequence: 0, segment: name };
      return faultAt('segment-unknown', place, 'It is in the store and was never archived.');
    });
}
