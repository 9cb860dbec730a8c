import { type CommonQueryMethods, type IdentifierSqlToken, sql } from 'slonik';
import { z } from 'zod';
import { arrayLiteral } from '../array-literal.ts';
import { isoInstant } from '../moment.ts';
import type { Sample } from './gathered.ts';
import { isExpired, partitionAt, RESOLUTIONS, type Resolution } from './series-tables.ts';

const ROWS_A_STATEMENT_MAX = 20_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** How far back what is coarser is made anew. */
export interface Rollup {
  readonly minutesMs: number;
  readonly hoursMs: number;
}

/** After a start: all that another keeper may have stored and not brought together. */
export const ROLLUP_AT_START: Rollup = { minutesMs: 2 * HOUR_MS, hoursMs: 48 * HOUR_MS };
export const ROLLUP: Rollup = { minutesMs: 3 * MINUTE_MS, hoursMs: 2 * HOUR_MS };

/** The tables of measurements, over one connection. */
export class SeriesStore {
  readonly #connection: CommonQueryMethods;
  readonly #schema: string;

  constructor(connection: CommonQueryMethods, schema: string) {
    this.#connection = connection;
    this.#schema = schema;
  }

  /** Partitions for now and what comes next are there afterwards, and those of what is too old are not. */
  async keepPartitions(nowMs: number): Promise<void> {
    for (const resolution of Object.values<Resolution>(RESOLUTIONS)) {
      const { partitionMs } = resolution;
      // What is brought together at a start may belong to the partition before.
      for (const atMs of [nowMs - partitionMs, nowMs, nowMs + partitionMs])
        await this.#makePartition(resolution, atMs);
      for (const name of await this.#partitionsOf(resolution))
        if (isExpired(resolution, name, nowMs))
          await this.#connection.query(sql.unsafe`DROP TABLE IF EXISTS ${this.#table(name)}`);
    }
  }

  async add(samples: readonly Sample[], atMs: number): Promise<void> {
    for (let at = 0; at < samples.length; at += ROWS_A_STATEMENT_MAX) {
      const rows = samples.slice(at, at + ROWS_A_STATEMENT_MAX).map((sample) => ({ ...sample }));
      const column = (property: keyof Sample, type: 'text' | 'float8'): string =>
        arrayLiteral({ property, type }, rows);
      await this.#connection.query(sql.unsafe`
        INSERT INTO ${this.#table('fine')}
          (subject, key, at, mean, peak, capacity, measurements)
        SELECT subject, key, to_timestamp(${atMs / 1000}::float8), mean, peak, capacity, measurements
        FROM unnest(
          ${column('subject', 'text')}::text[], ${column('key', 'text')}::text[],
          ${column('mean', 'float8')}::float8[], ${column('peak', 'float8')}::float8[],
          ${column('capacity', 'float8')}::float8[], ${column('measurements', 'float8')}::integer[]
        ) AS sample (subject, key, mean, peak, capacity, measurements)
        ON CONFLICT DO NOTHING`);
    }
  }

  /** Brings together what is finer; doing it again gives the same. */
  async rollUp(nowMs: number, { minutesMs, hoursMs }: Rollup): Promise<void> {
    await this.#bring('fine', 'minutes', { unit: 'minute', fromMs: nowMs - minutesMs });
    await this.#bring('minutes', 'hours', { unit: 'hour', fromMs: nowMs - hoursMs });
  }

  async #bring(
    source: string,
    target: string,
    { unit, fromMs }: { readonly unit: 'minute' | 'hour'; readonly fromMs: number },
  ): Promise<void> {
    await this.#connection.query(sql.unsafe`
      INSERT INTO ${this.#table(target)}
        (subject, key, at, mean, peak, capacity, measurements)
      SELECT subject, key, date_trunc(${unit}, at, 'UTC'), sum(mean * measurements) / sum(measurements),
        max(peak), max(capacity), sum(measurements)
      FROM ${this.#table(source)}
      WHERE at >= date_trunc(${unit}, to_timestamp(${fromMs / 1000}::float8), 'UTC')
      GROUP BY 1, 2, 3
      ON CONFLICT (subject, key, at) DO UPDATE SET
        mean = excluded.mean, peak = excluded.peak,
        capacity = excluded.capacity, measurements = excluded.measurements`);
  }

  async #makePartition(resolution: Resolution, atMs: number): Promise<void> {
    const { name, fromMs, toMs } = partitionAt(resolution, atMs);
    const moment = (ms: number) => sql.literalValue(isoInstant(ms));
    await this.#connection.query(sql.unsafe`
      CREATE TABLE IF NOT EXISTS ${this.#table(name)}
      PARTITION OF ${this.#table(resolution.table)}
      FOR VALUES FROM (${moment(fromMs)}) TO (${moment(toMs)})`);
  }

  async #partitionsOf({ table }: Resolution): Promise<readonly string[]> {
    const found = await this.#connection.any(sql.type(z.object({ name: z.string() }))`
      SELECT part.relname AS name
      FROM pg_inherits AS link
      JOIN pg_class AS part ON part.oid = link.inhrelid
      JOIN pg_class AS whole ON whole.oid = link.inhparent
      JOIN pg_namespace AS place ON place.oid = whole.relnamespace
      WHERE place.nspname = ${this.#schema} AND whole.relname = ${table}`);
    return found.map(({ name }) => name);
  }

  #table(name: string): IdentifierSqlToken {
    return sql.identifier([this.#schema, name]);
  }
}
