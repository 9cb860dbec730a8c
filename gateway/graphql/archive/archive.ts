import type { AnchoredSegment, ArchiveRun } from '@orrery/bus';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { parseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';

const SEGMENTS_MAX = 1_000;

const Arguments = z.strictObject({
  last: z.int().min(1).max(SEGMENTS_MAX),
  before: z.int().min(1).optional(),
});

export async function archive(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  const { last, before = Number.MAX_SAFE_INTEGER } = parseArguments(Arguments, unparsed);
  authoriseSignedIn(caller, 'Query.archive');
  const { index, store } = gateway.bus.log;
  await index.refresh();
  const { segments, run } = index;
  const wanted = segments.filter(({ number }) => number < before).slice(-last);
  return {
    isConfigured: store !== undefined,
    segmentCount: segments.length,
    run: run === undefined ? null : shapeRun(run),
    segments: wanted.reverse().map(shapeSegment),
  };
}

export function shapeRun({ requestedAtMs, finishedAtMs, ...counts }: ArchiveRun): object {
  return { ...counts, requestedAt: requestedAtMs ?? null, finishedAt: finishedAtMs ?? null };
}

function shapeSegment(segment: AnchoredSegment): object {
  const { mayHold: _mayHold, kinds: _kinds, ...shown } = segment;
  return {
    ...shown,
    firstRecordedAt: segment.firstRecordedAtMs,
    lastRecordedAt: segment.lastRecordedAtMs,
    archivedAt: segment.anchoredAtMs,
  };
}
