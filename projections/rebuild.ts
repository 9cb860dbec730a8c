import type { Clock, EventLog } from '@orrery/bus';
import { type DatabasePool, sql } from 'slonik';
import { z } from 'zod';
import type { Database } from './database.ts';
import { RebuildFailed } from './errors.ts';
import { migrate } from './migration.ts';
import { migrations } from './migrations.ts';
import { Projection } from './projection.ts';
import type { ProjectionReport, ProjectorRequest } from './report.ts';
import { RowStore } from './row-store.ts';
import { qualified } from './table-sql.ts';
import { type Table, tables } from './tables.ts';

const COMMITS_MAX = 1_000;
/** A rebuild that reads nothing for so long has met the end of the log too early. */
const SILENCE_MS_MAX = 30_000;

export interface RebuildOptions {
  readonly log: EventLog;
  readonly database: Database;
  readonly schema: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Builds all tables again from the log in a schema of their own, up to the live tables' checkpoint, and
 * compares them row by row. On `rebuild` the new ones take the place of the live ones in one transaction.
 * Nobody may write the live tables meanwhile. @throws {RebuildFailed}
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
    const { sequence } = await new RowStore(pool, schema).checkpoint();
    const events = sequence === 0 ? 0 : await replay(options, { pool, shadow, sequence });
    const differences = await compare(pool, { live: schema, rebuilt: shadow });
    if (operation === 'rebuild') await swap(pool, { live: schema, rebuilt: shadow });
    else await drop(pool, shadow);
    const durationMs = clock.nowMs() - beganAtMs;
    return { sequence, events, isEqual: differences.length === 0, differences, durationMs };
  });
}

/** Takes the log up to `sequence` into the shadow tables; gives the number of events. */
async function replay(
  { log, clock, signal }: RebuildOptions,
  to: { readonly pool: DatabasePool; readonly shadow: string; readonly sequence: number },
): Promise<number> {
  return await to.pool.connect(async (connection) => {
    // Nobody reads these tables before they take the place of the others, which is synced.
    await connection.query(sql.unsafe`SET synchronous_commit TO off`);
    const projection = await Projection.resume(new RowStore(connection, to.shadow));
    const patience = new Patience(clock, SILENCE_MS_MAX);
    const ended = AbortSignal.any([signal, patience.signal]);
    let events = 0;
    try {
      const feed = log.follow({ afterSequence: 0, commitsMax: COMMITS_MAX, signal: ended });
      for await (const commits of feed) {
        const upTo = commits.filter(({ sequence }) => sequence <= to.sequence);
        if (upTo.length > 0) await projection.take(upTo);
        events += upTo.reduce((sum, commit) => sum + commit.events.length, 0);
        if ((commits.at(-1)?.sequence ?? 0) >= to.sequence) return events;
        patience.renew();
      }
    } finally {
      patience.end();
    }
    throw new RebuildFailed(
      `the log gave nothing between ${projection.checkpoint.sequence} and ${to.sequence}`,
    );
  });
}

/** A signal that fires when it was not renewed for a while. */
class Patience {
  readonly #clock: Clock;
  readonly #silenceMsMax: number;
  readonly #expired = new AbortController();
  #waiting = new AbortController();

  constructor(clock: Clock, silenceMsMax: number) {
    this.#clock = clock;
    this.#silenceMsMax = silenceMsMax;
    this.renew();
  }

  get signal(): AbortSignal {
    return this.#expired.signal;
  }

  renew(): void {
    this.end();
    this.#waiting = new AbortController();
    this.#clock.sleep(this.#silenceMsMax, this.#waiting.signal).then(
      () => this.#expired.abort(),
      () => {},
    );
  }

  end(): void {
    this.#waiting.abort();
  }
}

const Difference = z.object({ missing: z.int(), unexpected: z.int(), changed: z.int() });
type Differences = ProjectionReport['differences'];

async function compare(
  pool: DatabasePool,
  schemas: { readonly live: string; readonly rebuilt: string },
): Promise<Differences> {
  const differences: Differences = [];
  for (const table of Object.values<Table>(tables)) {
    const key = sql.identifier([table.key]);
    const counts = await pool.one(sql.type(Difference)`
      SELECT
        count(*) FILTER (WHERE live IS NULL) AS missing,
        count(*) FILTER (WHERE rebuilt IS NULL) AS unexpected,
        count(*) FILTER (WHERE live <> rebuilt) AS changed
      FROM (SELECT ${key}, t::text AS live FROM ${qualified(schemas.live, table)} AS t) AS a
      FULL JOIN (SELECT ${key}, t::text AS rebuilt FROM ${qualified(schemas.rebuilt, table)} AS t) AS b
        USING (${key})`);
    const { missing, unexpected, changed } = counts;
    if (missing + unexpected + changed > 0) differences.push({ table: table.name, ...counts });
  }
  return differences;
}

async function drop(pool: DatabasePool, schema: string): Promise<void> {
  await pool.query(sql.unsafe`DROP SCHEMA IF EXISTS ${sql.identifier([schema])} CASCADE`);
}

async function swap(
  pool: DatabasePool,
  schemas: { readonly live: string; readonly rebuilt: string },
): Promise<void> {
  const live = sql.identifier([schemas.live]);
  const rebuilt = sql.identifier([schemas.rebuilt]);
  const replaced = sql.identifier([`${schemas.live}_replaced`]);
  await pool.transaction(async (connection) => {
    await connection.query(sql.unsafe`DROP SCHEMA IF EXISTS ${replaced} CASCADE`);
    await connection.query(sql.unsafe`ALTER SCHEMA ${live} RENAME TO ${replaced}`);
    await connection.query(sql.unsafe`ALTER SCHEMA ${rebuilt} RENAME TO ${live}`);
    await connection.query(sql.unsafe`DROP SCHEMA ${replaced} CASCADE`);
  });
}
