import {
  CLOCK_SKEW_MS_MAX,
  type LogMessage,
  MalformedMessage,
  type RecordedCommit,
  readCommit,
  sequenceBefore,
} from '@orrery/bus';
import type { Visibility } from '@orrery/projections';
import { LRUCache } from 'lru-cache';
import type { Gateway } from '../gateway.ts';
import type { Entity } from './entity.ts';

/** Sessions of which it is remembered whether the caller may see them. */
const SESSIONS_KEPT_MAX = 10_000;

/** An end of a replay: a place in the log or a time, both included. */
export type ReplayEnd = { readonly sequence: number } | { readonly timeMs: number };

export interface ReplayRange {
  readonly entity: Entity;
  /** Absent: from the first commit. */
  readonly from?: ReplayEnd | undefined;
  /** Absent: up to the newest commit that there is when it begins. */
  readonly to?: ReplayEnd | undefined;
  /** Only what lies behind this sequence, as of a replay that was cut. */
  readonly afterSequence: number;
  readonly visibility: Visibility;
}

/** Commits in the order of the log, in pages that are read when they are asked for. */
export async function* replay(
  gateway: Gateway,
  range: ReplayRange,
  signal: AbortSignal,
): AsyncGenerator<readonly RecordedCommit[], void> {
  const { log } = gateway.bus;
  const { from, to, entity } = range;
  const start = from === undefined ? 0 : await sequenceOf(gateway, from);
  const end = await lastOf(gateway, range);
  const isVisible = visibilityCheck(gateway, range.visibility);
  const pages = log.readMessages({
    ...entity,
    afterSequence: Math.max(start, range.afterSequence),
  });
  for await (const page of pages) {
    signal.throwIfAborted();
    const read = page
      .filter(({ sequence }) => sequence <= end)
      .flatMap((message) => decoded(gateway, message));
    const commits = read.filter(({ recordedAtMs }) => isWithin(recordedAtMs, from, to));
    const seen = await isVisible(commits);
    if (seen.length > 0) yield seen;
    if ((page.at(-1)?.sequence ?? 0) >= end) return;
    // No host's clock is so wrong that something of the time asked for could still follow.
    const isPast =
      to !== undefined &&
      'timeMs' in to &&
      read.some(({ recordedAtMs }) => recordedAtMs > to.timeMs + CLOCK_SKEW_MS_MAX);
    if (isPast) return;
  }
}

async function sequenceOf({ bus }: Gateway, from: ReplayEnd): Promise<number> {
  return 'timeMs' in from ? await sequenceBefore(bus.log, from.timeMs) : from.sequence - 1;
}

/** Whose sessions they are is known up to the checkpoint of the projections. */
async function lastOf(
  { bus, projections }: Gateway,
  { to, visibility }: ReplayRange,
): Promise<number> {
  const newest =
    visibility.kind === 'all' ? await bus.log.lastSequence() : await projections.checkpoint();
  return to !== undefined && 'sequence' in to ? Math.min(to.sequence, newest) : newest;
}

function isWithin(
  recordedAtMs: number,
  from: ReplayEnd | undefined,
  to: ReplayEnd | undefined,
): boolean {
  const isEarly = from !== undefined && 'timeMs' in from && recordedAtMs < from.timeMs;
  const isLate = to !== undefined && 'timeMs' in to && recordedAtMs > to.timeMs;
  return !isEarly && !isLate;
}

function decoded({ logger }: Gateway, message: LogMessage): readonly RecordedCommit[] {
  try {
    return [readCommit(message)];
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    logger.warn({ err: error, sequence: message.sequence }, 'a replay passes a message over');
    return [];
  }
}

type VisibilityCheck = (commits: readonly RecordedCommit[]) => Promise<readonly RecordedCommit[]>;

/** A user sees the commits of their own sessions. */
function visibilityCheck({ projections }: Gateway, visibility: Visibility): VisibilityCheck {
  if (visibility.kind === 'all') return async (commits) => commits;
  const known = new LRUCache<string, boolean>({ max: SESSIONS_KEPT_MAX });
  return async (commits) => {
    const ofSessions = commits.filter(({ aggregate }) => aggregate === 'session');
    const ids = new Set(ofSessions.map(({ aggregateId }) => aggregateId));
    const unknown = [...ids].filter((id) => !known.has(id));
    if (unknown.length > 0) {
      const own = await projections.sessionsByIds(unknown, visibility);
      for (const id of unknown) known.set(id, false);
      for (const { id } of own) known.set(id, true);
    }
    return ofSessions.filter(({ aggregateId }) => known.get(aggregateId) === true);
  };
}
