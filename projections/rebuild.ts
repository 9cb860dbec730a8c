import type { Clock } from '@orrery/bus';
import { type CommonQueryMethods, type DatabasePool, sql } from 'slonik';
import { z } from 'zod';
import type { CommitSource } from './commit-source.ts';
import { CopyConnection } from './copy-connection.ts';
import type { Database, DatabasePlace } from './database.ts';
import { RebuildFailed } from './errors.ts';
import { migrate } from './migration.ts';
import { migrations } from './migrations.ts';
import type { ProjectionReport, ProjectorRequest } from './report.ts';
import { type Checkpoint, RowStore } from './row-store.ts';
import { TableBuilder } from './table-builder.ts';
import { qualified } from './table-sql.ts';
import { type Table, tables } from './tables.ts';

export interface RebuildOptions {
  readonly source: CommitSource;
  /** At least two connections. */
  readonly database: Database;
  readonly schema: string;
  readonly clock: Clock;
  /** Does the work while nobody writes the live tables. */
  readonly holdStill: <Value>(work: () => Promise<Value>) => Promise<Value>;
  readonly signal: AbortSignal;
}

/**
 * Builds all tables again from the log in a schema of their own and compares them row by row with the live
 * ones as they are at one moment. On `rebuild` the new ones then take the place of the live ones in one
 * transaction. The live tables are written meanwhile, but for two short whiles. @throws {RebuildFailed}
 */
export async function rebuild(
  options: RebuildOptions,
  operation: ProjectorRequest['operation'],
): Promise<ProjectionReport> {
  const { database, schema, clock } = options;
  const beganAtMs = clock.nowMs();
  const shadow = `${schema}_rebuilt`;
  return await database.use(async (pool) => {
    await drop(pool, shadow);
    await migrate(pool, shadow, migrations);
    const place = { ...database.place, shadow };
    const report = await withBuilder(pool, place, async (builder, connection) => {
      const liveStore = new RowStore(connection, schema);
      const stage: Stage = { ...options, pool, builder, liveStore, live: schema, shadow };
      // Everything but the last moments, before anybody has to hold still.
      await catchUp(stage);
      await builder.complete();
      await catchUp(stage);
      const compared = await compare(stage);
      if (operation === 'rebuild') await replace(stage);
      return compared;
    });
    await drop(pool, shadow);
    return { ...report, durationMs: clock.nowMs() - beganAtMs };
  });
}

interface Stage extends RebuildOptions {
  readonly pool: DatabasePool;
  readonly builder: TableBuilder;
  readonly liveStore: RowStore;
  /** Names of the schemas. */
  readonly live: string;
  readonly shadow: string;
}

async function withBuilder<Value>(
  pool: DatabasePool,
  { shadow, ...place }: DatabasePlace & { readonly shadow: string },
  work: (builder: TableBuilder, connection: CommonQueryMethods) => Promise<Value>,
): Promise<Value> {
  await using copying = await CopyConnection.open(place, shadow);
  return await pool.connect(async (connection) => {
    const store = new RowStore(connection, shadow);
    await store.prepare();
    const builder = new TableBuilder({ connection, store, copying, schema: shadow });
    await builder.begin();
    return await work(builder, connection);
  });
}

/** Takes the new tables to where the live ones are. */
async function catchUp({ builder, source, clock, liveStore, signal }: Stage): Promise<void> {
  const { sequence: upToSequence } = await liveStore.checkpoint();
  const { sequence: afterSequence } = builder.checkpoint;
  for await (const commits of source.read({ afterSequence, upToSequence }, signal)) {
    await builder.take(commits);
    // Whoever follows the log in this process has their turn.
    await clock.sleep(0, signal);
  }
  await builder.settle();
}

type Comparison = Pick<ProjectionReport, 'sequence' | 'events' | 'isEqual' | 'differences'>;

/** Of one snapshot of the database, in which both stand at the same commit; only that is waited for. */
async function compare(stage: Stage): Promise<Comparison> {
  const { pool, builder, live } = stage;
  const { comparing, sequence, events } = await stage.holdStill(async () => {
    await catchUp(stage);
    const seen = Promise.withResolvers<void>();
    const comparing = pool.transaction(async (connection) => {
      await connection.query(
        sql.unsafe`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY`,
      );
      verifyPlace(builder, await new RowStore(connection, live).checkpoint());
      seen.resolve();
      return await differencesOf(connection, stage);
    });
    await Promise.race([seen.promise, comparing]);
    return { comparing, sequence: builder.checkpoint.sequence, events: builder.events };
  });
  const differences = await comparing;
  return { sequence, events, isEqual: differences.length === 0, differences };
}

function verifyPlace({ checkpoint }: TableBuilder, live: Checkpoint): void {
  if (checkpoint.sequence === live.sequence && checkpoint.hash === live.hash) return;
  throw new RebuildFailed(
    `the live tables were written up to ${live.sequence} while those at ${checkpoint.sequence} were compared`,
  );
}

/** What the server may use for one sort or hash of a comparison. */
const WORK_MEMORY = '64MB';
const Difference = z.object({ missing: z.int(), unexpected: z.int(), changed: z.int() });
type Differences = ProjectionReport['differences'];

/** Rows are compared as bytes: what was computed alike is stored alike. */
async function differencesOf(
  connection: CommonQueryMethods,
  { live, shadow }: Pick<Stage, 'live' | 'shadow'>,
): Promise<Differences> {
  await connection.query(sql.unsafe`SELECT set_config('work_mem', ${WORK_MEMORY}, true)`);
  await connection.query(sql.unsafe`SELECT set_config('jit', 'off', true)`);
  const differences: Differences = [];
  for (const table of Object.values<Table>(tables)) {
    const key = sql.identifier([table.key]);
    const counts = await connection.one(sql.type(Difference)`
      SELECT
        count(*) FILTER (WHERE live.${key} IS NULL) AS missing,
        count(*) FILTER (WHERE rebuilt.${key} IS NULL) AS unexpected,
        count(*) FILTER (WHERE live *<> rebuilt) AS changed
      FROM ${qualified(live, table)} AS live
      FULL JOIN ${qualified(shadow, table)} AS rebuilt ON live.${key} = rebuilt.${key}`);
    const { missing, unexpected, changed } = counts;
    if (missing + unexpected + changed > 0) differences.push({ table: table.name, ...counts });
  }
  return differences;
}

async function drop(pool: DatabasePool, schema: string): Promise<void> {
  await pool.query(sql.unsafe`DROP SCHEMA IF EXISTS ${sql.identifier([schema])} CASCADE`);
}

/** Puts the new tables in the place of the live ones, both at the same commit. */
async function replace(stage: Stage): Promise<void> {
  const live = sql.identifier([stage.live]);
  const rebuilt = sql.identifier([stage.shadow]);
  const replaced = sql.identifier([`${stage.live}_replaced`]);
  await stage.holdStill(async () => {
    await catchUp(stage);
    await stage.pool.transaction(async (connection) => {
      await connection.query(sql.unsafe`DROP SCHEMA IF EXISTS ${replaced} CASCADE`);
      const checkpoint = qualified(stage.live, { name: 'checkpoint' });
      await connection.query(sql.unsafe`LOCK TABLE ${checkpoint} IN ACCESS EXCLUSIVE MODE`);
      verifyPlace(stage.builder, await new RowStore(connection, stage.live).checkpoint());
      await connection.query(sql.unsafe`ALTER SCHEMA ${live} RENAME TO ${replaced}`);
      await connection.query(sql.unsafe`ALTER SCHEMA ${rebuilt} RENAME TO ${live}`);
      await connection.query(sql.unsafe`DROP SCHEMA ${replaced} CASCADE`);
    });
  });
}
