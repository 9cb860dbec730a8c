import { systemClock } from '@orrery/bus';
import { openProjections, type Projections, type SeriesPoint } from '@orrery/projections';
import pg from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { Database } from '../../../projections/database.ts';
import { migrate } from '../../../projections/migration.ts';
import type { Sample } from '../../../projections/statistics/gathered.ts';
import { SeriesStore } from '../../../projections/statistics/series-store.ts';
import { seriesMigrations, seriesSchema } from '../../../projections/statistics/series-tables.ts';
import { startPostgres, type TestPostgres } from '../../environment/postgres.ts';

const SCHEMA = 'measured';
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** The beginning of an hour. */
const NOW_MS = 1_800_000_000_000;

interface Context {
  postgres: TestPostgres;
  database: Database;
  projections: Projections;
}

const sample = (mean: number, peak = mean, measurements = 2): Sample => ({
  ...{ subject: 'kernel:k', key: 'mem', mean, peak, capacity: 100, measurements },
});

const series = suite<Context>('projections: what was measured');

series.before(async (context) => {
  context.postgres = await startPostgres();
  const { url } = context.postgres;
  context.database = new Database({ url, clock: systemClock, connectionsMax: 2 });
  context.projections = openProjections(url, { schema: SCHEMA });
  await context.database.use((pool) => migrate(pool, seriesSchema(SCHEMA), seriesMigrations));
});
series.after(async ({ postgres, database, projections }) => {
  await database[Symbol.asyncDispose]();
  await projections[Symbol.asyncDispose]();
  await postgres.stop();
});

function storing(
  { database }: Context,
  work: (store: SeriesStore) => Promise<void>,
): Promise<void> {
  return database.use((pool) =>
    pool.connect((connection) => work(new SeriesStore(connection, seriesSchema(SCHEMA)))),
  );
}

async function read(
  { projections }: Context,
  range: { readonly agoMs: number; readonly stepMs: number; readonly nowMs?: number },
): Promise<readonly SeriesPoint[]> {
  const { agoMs, stepMs, nowMs = NOW_MS } = range;
  const told = await projections.statisticsSeries({
    ...{ subjects: ['kernel:k'], fromMs: nowMs - agoMs, toMs: nowMs + HOUR_MS, stepMs, nowMs },
  });
  if (!told.ok) throw new Error(told.error.message);
  return told.value;
}

series(
  'what was stored is given in steps, a mean of means by how much each stands for',
  async (context) => {
    await storing(context, async (store) => {
      await store.keepPartitions(NOW_MS);
      await store.add([sample(10, 20, 1), { ...sample(5), key: 'cpu_util' }], NOW_MS);
      await store.add([sample(40, 90, 3)], NOW_MS + 10_000);
      await store.add([sample(1)], NOW_MS + MINUTE_MS);
      // Another keeper that wrote the same is no harm.
      await store.add([sample(1)], NOW_MS + MINUTE_MS);
    });
    const points = await read(context, { agoMs: HOUR_MS, stepMs: MINUTE_MS });
    assert.equal(
      points.map(({ key, atMs, mean, peak, capacity }) => [
        key,
        atMs - NOW_MS,
        mean,
        peak,
        capacity,
      ]),
      [
        ['cpu_util', 0, 5, 5, 100],
        ['mem', 0, 32.5, 90, 100],
        ['mem', MINUTE_MS, 1, 1, 100],
      ],
    );
  },
);

series(
  'minutes and hours say the same as what they were made of, however often',
  async (context) => {
    const rollup = { minutesMs: 3 * MINUTE_MS, hoursMs: HOUR_MS };
    await storing(context, async (store) => {
      await store.rollUp(NOW_MS + 2 * MINUTE_MS, rollup);
      await store.rollUp(NOW_MS + 2 * MINUTE_MS, rollup);
    });
    const mem = async (agoMs: number, stepMs: number) =>
      (await read(context, { agoMs, stepMs })).filter(({ key }) => key === 'mem');
    assert.equal(
      (await mem(DAY_MS, MINUTE_MS)).map(({ mean, peak }) => [mean, peak]),
      [
        [32.5, 90],
        [1, 1],
      ],
    );
    // Six measurements: four of the first minute and two of the second.
    const [hour, ...others] = await mem(20 * DAY_MS, HOUR_MS);
    assert.equal(others, []);
    assert.is(Math.round((hour?.mean ?? 0) * 1000) / 1000, Math.round((132 / 6) * 1000) / 1000);
    assert.is(hour?.peak, 90);
  },
);

series('what is too old goes with its partition, and the coarser stays', async (context) => {
  const later = NOW_MS + 8 * HOUR_MS;
  await storing(context, (store) => store.keepPartitions(later));
  const names = await partitions(context.postgres.url);
  assert.ok(!names.includes(`fine_${NOW_MS / 1000}`));
  assert.ok(names.includes(`fine_${later / 1000}`));
  const kept = await read(context, { agoMs: DAY_MS, stepMs: HOUR_MS, nowMs: later });
  assert.ok(kept.some(({ key }) => key === 'mem'));
});

series('a range that cannot be told is refused with its field', async ({ projections }) => {
  const refused = async (fromMs: number, stepMs: number): Promise<string | undefined> => {
    const range = { subjects: ['kernel:k'], fromMs, toMs: NOW_MS, stepMs, nowMs: NOW_MS };
    const told = await projections.statisticsSeries(range);
    return told.ok ? undefined : told.error.field;
  };
  assert.is(await refused(NOW_MS - HOUR_MS, 9_999), 'stepSeconds');
  assert.is(await refused(NOW_MS - DAY_MS, 10_000), 'stepSeconds');
  assert.is(await refused(NOW_MS + 1, MINUTE_MS), 'since');
  assert.is(await refused(NOW_MS - 1_500 * 10_000, 10_000), undefined);
});

async function partitions(url: string): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const text = `SELECT tablename FROM pg_tables WHERE schemaname = '${seriesSchema(SCHEMA)}'`;
    const { rows } = await client.query(text);
    return rows.map((row) => z.object({ tablename: z.string() }).parse(row).tablename);
  } finally {
    await client.end();
  }
}

series.run();
