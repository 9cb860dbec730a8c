import {
  ARCHIVE_ID,
  type ArchiveCommand,
  type ArchiveIndex,
  type ArchiveSettings,
  type Bus,
  type Clock,
  type EventLog,
  type Logger,
  newId,
  OrreryError,
  type SegmentStore,
} from '@orrery/bus';
import type { AnyAggregate } from '../runtime/aggregate.ts';
import type { Tenure } from '../runtime/ownership.ts';
import { collect } from './candidates.ts';
import { ARCHIVER } from './decide.ts';
import { purgeSegment } from './purge.ts';
import { removeLeftovers, writeSegment } from './write-segment.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** Between the end of a run and the next that nobody asks for. */
const PERIOD_MS = DAY_MS;
/** Timers of the platform take no more than weeks; a longer wait is several. */
const WAIT_MS_MAX = 60 * MINUTE_MS;
const REQUEST_MS_MAX = 30_000;
/** Before something that failed is tried again. */
const RETRY_MS = 10_000;

export interface Archiver {
  readonly bus: Pick<Bus, 'inbox' | 'snapshots'>;
  /** The stream itself, without the archive before it. */
  readonly stream: EventLog;
  readonly store: SegmentStore;
  readonly index: ArchiveIndex;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly aggregates: readonly AnyAggregate[];
  readonly settings: Pick<ArchiveSettings, 'horizonDays' | 'purgeDelayMinutes'>;
}

interface RunCounts {
  segments: number;
  aggregates: number;
  commits: number;
}

/**
 * The duty of one host: archives what is over once a day and when it is asked for. Every step can be taken
 * again: a segment counts when the log has its anchor, and leaves the stream only then.
 */
export async function runArchiver(archiver: Archiver, { signal, isHeld }: Tenure): Promise<void> {
  const { clock, logger } = archiver;
  while (!signal.aborted && isHeld()) {
    try {
      await attend(archiver, signal);
    } catch (error) {
      if (signal.aborted) return;
      const isPassing = error instanceof OrreryError && error.isRetryable;
      logger[isPassing ? 'warn' : 'error']({ err: error }, 'the archiver begins again');
      await clock.sleep(RETRY_MS, signal).catch(() => undefined);
    }
  }
}

/** Does what is due, and waits for what is due next. */
async function attend(archiver: Archiver, signal: AbortSignal): Promise<void> {
  const { index, clock } = archiver;
  await index.refresh();
  await purgeAll(archiver, signal);
  const { run } = index;
  if (run !== undefined && run.finishedAtMs === undefined) {
    await performRun(archiver, run.run, signal);
    return;
  }
  const dueAtMs = run?.finishedAtMs === undefined ? 0 : run.finishedAtMs + PERIOD_MS;
  const waitMs = dueAtMs - clock.nowMs();
  if (waitMs <= 0) {
    await request(archiver, { type: 'request-run' });
    return;
  }
  await untilNews(archiver, Math.min(waitMs, WAIT_MS_MAX), signal);
}

/** One after the other, each not before all hosts have heard that it is archived. */
async function purgeAll(archiver: Archiver, signal: AbortSignal): Promise<void> {
  const { index, clock, settings, logger } = archiver;
  for (const segment of index.segments.filter(({ isPurged }) => !isPurged)) {
    const waitMs = segment.anchoredAtMs + settings.purgeDelayMinutes * MINUTE_MS - clock.nowMs();
    if (waitMs > 0) await clock.sleep(waitMs, signal);
    await purgeSegment(archiver, segment, signal);
    const { number, name, commits } = segment;
    await request(archiver, { type: 'report-purged', number });
    logger.info({ segment: name, commits }, 'archived commits have left the stream');
  }
  await index.refresh();
}

/** What is found is archived segment by segment; nothing leaves the stream before all is found. */
async function performRun(archiver: Archiver, run: number, signal: AbortSignal): Promise<void> {
  const { index, logger } = archiver;
  await removeLeftovers(archiver);
  const counts: RunCounts = { segments: 0, aggregates: 0, commits: 0 };
  for await (const messages of collect(archiver, signal)) {
    const segment = await writeSegment(archiver, messages);
    signal.throwIfAborted();
    await request(archiver, { type: 'anchor', segment });
    await index.refresh();
    counts.segments += 1;
    counts.aggregates += segment.aggregates;
    counts.commits += segment.commits;
    logger.info({ segment: segment.name, commits: segment.commits }, 'a segment is archived');
  }
  await purgeAll(archiver, signal);
  await request(archiver, { type: 'finish-run', run, ...counts });
  await index.refresh();
  logger.info({ run, ...counts }, 'a run of the archiver is over');
}

/** @throws when the archive's actor refuses: then another archiver came first, and its log tells. */
async function request({ bus, clock }: Archiver, command: ArchiveCommand): Promise<void> {
  const sentAtMs = clock.nowMs();
  const id = newId(sentAtMs);
  const envelope = { id, aggregate: 'archive', aggregateId: ARCHIVE_ID, actor: ARCHIVER } as const;
  const late = new AbortController();
  const waiting = new AbortController();
  void clock.sleep(REQUEST_MS_MAX, waiting.signal).then(
    () => late.abort(new RequestLate()),
    () => undefined,
  );
  try {
    const outcome = await bus.inbox.request({ ...envelope, sentAtMs, command }, late.signal);
    if (!outcome.ok) throw new Error(`${outcome.error.code}: ${outcome.error.message}`);
  } finally {
    waiting.abort();
  }
}

class RequestLate extends OrreryError {
  override readonly name = 'RequestLate';
  readonly code = 'archive.request-late';
  readonly isRetryable = true;

  constructor() {
    super(`the archive's actor did not answer within ${REQUEST_MS_MAX} ms`);
  }
}

/** Until something is recorded of the archive, or the time is over. */
async function untilNews(
  { stream, index, clock }: Archiver,
  waitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const ended = AbortSignal.any([signal, over.signal]);
  void clock.sleep(waitMs, ended).then(
    () => over.abort(),
    () => undefined,
  );
  const place = { aggregate: 'archive', aggregateId: ARCHIVE_ID } as const;
  try {
    const news = stream.follow({ ...place, afterSequence: index.sequence, signal: ended });
    for await (const _commits of news) break;
  } finally {
    over.abort();
  }
}
