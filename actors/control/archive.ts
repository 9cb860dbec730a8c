import {
  type ArchiveSettings,
  type Bus,
  type Clock,
  type Logger,
  openSegmentStore,
  type SegmentStore,
  withArchive,
} from '@orrery/bus';
import { runArchiver } from '../archive/archiver.ts';
import type { AnyAggregate } from '../runtime/aggregate.ts';
import type { Duty } from '../runtime/ownership.ts';

const FOLLOW_AGAIN_MS = 1_000;

export interface ArchiveOptions {
  /** As it is connected: its log is the stream alone. */
  readonly bus: Bus;
  readonly settings: ArchiveSettings | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly aggregates: readonly AnyAggregate[];
  /** Default: the one that the settings name. */
  readonly store?: SegmentStore;
}

export interface ControlArchive {
  /** Reads what was archived as if it were in the stream. */
  readonly bus: Bus;
  mayBeArchived(aggregate: string, id: string): boolean;
  /** Resolves when the signal has fired. */
  readonly following: Promise<void>;
  readonly duties: Readonly<Record<string, Duty>>;
}

/** What left the stream is known when this resolves, and as it goes on until the signal fires. */
export async function openArchive(
  options: ArchiveOptions,
  signal: AbortSignal,
): Promise<ControlArchive> {
  const { settings, clock, logger, aggregates } = options;
  const { log: stream } = options.bus;
  const store = options.store ?? openSegmentStore(settings, clock);
  const log = withArchive(stream, store);
  const { index } = log;
  await index.refresh();
  const following = follow(options, index, signal);
  const bus: Bus = { ...options.bus, log };
  const archiver: Duty | undefined =
    store &&
    settings &&
    ((tenure) =>
      runArchiver({ bus, stream, store, index, clock, logger, aggregates, settings }, tenure));
  return {
    bus,
    following,
    mayBeArchived: (aggregate, id) => index.mayHold(aggregate, id),
    duties: archiver === undefined ? {} : { archiver },
  };
}

async function follow(
  { clock, logger }: ArchiveOptions,
  index: { follow(signal: AbortSignal): Promise<void> },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await index.follow(signal);
    } catch (error) {
      if (signal.aborted) return;
      logger.warn({ err: error }, 'the log of the archive is followed again');
    }
    await clock.sleep(FOLLOW_AGAIN_MS, signal).catch(() => undefined);
  }
}
