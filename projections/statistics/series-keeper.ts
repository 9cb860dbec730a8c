import {
  type Clock,
  type LiveChannel,
  type Logger,
  StatisticsMessage,
  statisticsLive,
} from '@orrery/bus';
import { BackOff } from '../back-off.ts';
import type { Database } from '../database.ts';
import { releaseLead, tryToLead } from '../leadership.ts';
import { migrate } from '../migration.ts';
import { Gathered } from './gathered.ts';
import { ROLLUP, ROLLUP_AT_START, SeriesStore } from './series-store.ts';
import { seriesMigrations, seriesSchema } from './series-tables.ts';

/** What is measured in this time becomes one row a metric. */
export const STORE_PERIOD_MS = 10_000;
/** Shorter than any partition. */
const PARTITION_PERIOD_MS = 600_000;
const ROLLUP_PERIOD_MS = 60_000;
const STANDBY_PERIOD_MS = 5_000;

export interface SeriesKeeperOptions {
  readonly live: Pick<LiveChannel, 'subscribe'>;
  readonly database: Database;
  /** Of the projected tables. */
  readonly schema: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Keeps what agents measure as time series, until the signal fires. What is told while the database is away, or
 * while no keeper runs, is lost; nothing else is. Of several keepers one writes.
 */
export async function keepSeries(options: SeriesKeeperOptions, signal: AbortSignal): Promise<void> {
  const gathered = new Gathered();
  const listening = listen(options, gathered, signal);
  const { clock, logger, database } = options;
  const schema = seriesSchema(options.schema);
  const backOff = new BackOff(clock);
  while (!signal.aborted) {
    try {
      await database.use(async (pool) => {
        await migrate(pool, schema, seriesMigrations);
        await pool.connect(async (connection) => {
          while (!signal.aborted && !(await tryToLead(connection, schema))) {
            gathered.drain();
            await clock.sleep(STANDBY_PERIOD_MS, signal).catch(() => undefined);
          }
          try {
            const store = new SeriesStore(connection, schema);
            await write({ store, gathered, clock, onWritten: () => backOff.reset() }, signal);
          } finally {
            await releaseLead(connection);
          }
        });
      });
    } catch (err) {
      if (signal.aborted) break;
      gathered.drain();
      logger.warn({ err }, 'statistics are not stored for now');
      await backOff.wait(signal);
    }
  }
  await listening;
}

async function write(
  parts: {
    readonly store: SeriesStore;
    readonly gathered: Gathered;
    readonly clock: Clock;
    readonly onWritten: () => void;
  },
  signal: AbortSignal,
): Promise<void> {
  const { store, gathered, clock, onWritten } = parts;
  let rolledUpMs: number | undefined;
  let partitionedMs: number | undefined;
  while (!signal.aborted) {
    const nowMs = clock.nowMs();
    if (partitionedMs === undefined || nowMs - partitionedMs >= PARTITION_PERIOD_MS) {
      await store.keepPartitions(nowMs);
      partitionedMs = nowMs;
    }
    await store.add(gathered.drain(), nowMs - (nowMs % STORE_PERIOD_MS));
    if (rolledUpMs === undefined || nowMs - rolledUpMs >= ROLLUP_PERIOD_MS) {
      await store.rollUp(nowMs, rolledUpMs === undefined ? ROLLUP_AT_START : ROLLUP);
      rolledUpMs = nowMs;
    }
    onWritten();
    await clock.sleep(STORE_PERIOD_MS, signal).catch(() => undefined);
  }
}

async function listen(
  { live, logger }: SeriesKeeperOptions,
  gathered: Gathered,
  signal: AbortSignal,
): Promise<void> {
  let isTold = false;
  for await (const { subject, body } of live.subscribe(statisticsLive.all, signal)) {
    const message = StatisticsMessage.safeParse(body);
    if (message.success) gathered.take(message.data);
    else if (!isTold) {
      // An agent of another version; it will go on saying so every few seconds.
      logger.warn({ err: message.error, subject }, 'statistics cannot be understood');
      isTold = true;
    }
  }
}
