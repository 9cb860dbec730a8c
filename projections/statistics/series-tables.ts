import { type FragmentSqlToken, sql } from 'slonik';
import type { Migration } from '../migration.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** One table of measurements: how fine they are and how long they are kept. */
export interface Resolution {
  readonly table: 'fine' | 'minutes' | 'hours';
  readonly keptMs: number;
  /** Time of one partition. */
  readonly partitionMs: number;
}

/** From the finest on; each is made of the one before. */
export const RESOLUTIONS = {
  fine: { table: 'fine', keptMs: 6 * HOUR_MS, partitionMs: HOUR_MS },
  minutes: { table: 'minutes', keptMs: 14 * DAY_MS, partitionMs: DAY_MS },
  hours: { table: 'hours', keptMs: 400 * DAY_MS, partitionMs: 30 * DAY_MS },
} as const satisfies Readonly<Record<string, Resolution>>;

/**
 * The measurements lie beside the projected tables, not among them: they do not come from the log, and must not be
 * dropped by a rebuild.
 */
export function seriesSchema(schema: string): string {
  return `${schema}_statistics`;
}

export const seriesMigrations: readonly Migration[] = [
  {
    version: 1,
    name: 'series',
    statements: [
      seriesTable(sql.fragment`fine`),
      seriesTable(sql.fragment`minutes`),
      seriesTable(sql.fragment`hours`),
    ],
  },
];

/** `mean` and `peak` are of so many measurements; `at` is the beginning of the time that they are of. */
function seriesTable(name: FragmentSqlToken): FragmentSqlToken {
  return sql.fragment`
    CREATE TABLE ${name} (
      subject text NOT NULL,
      key text NOT NULL,
      at timestamptz NOT NULL,
      mean double precision NOT NULL,
      peak double precision NOT NULL,
      capacity double precision,
      measurements integer NOT NULL,
      PRIMARY KEY (subject, key, at)
    ) PARTITION BY RANGE (at)`;
}

export interface Partition {
  readonly name: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** The partition that holds a moment. Its name tells its beginning, so that nothing else must be remembered. */
export function partitionAt({ table, partitionMs }: Resolution, atMs: number): Partition {
  const fromMs = Math.floor(atMs / partitionMs) * partitionMs;
  return { name: `${table}_${fromMs / 1000}`, fromMs, toMs: fromMs + partitionMs };
}

/** Whether everything in the partition of that name is older than what is kept. */
export function isExpired(
  { table, keptMs, partitionMs }: Resolution,
  name: string,
  nowMs: number,
): boolean {
  const [, fromSeconds] = new RegExp(`^${table}_(\\d+)$`).exec(name) ?? [];
  if (fromSeconds === undefined) return false;
  return Number(fromSeconds) * 1000 + partitionMs < nowMs - keptMs;
}

/** The finest that still holds a moment. */
export function resolutionFor(fromMs: number, nowMs: number): Resolution {
  const all: readonly Resolution[] = [RESOLUTIONS.fine, RESOLUTIONS.minutes, RESOLUTIONS.hours];
  return all.find(({ keptMs }) => fromMs >= nowMs - keptMs) ?? RESOLUTIONS.hours;
}
