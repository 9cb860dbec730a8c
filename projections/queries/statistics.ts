import { err, ok, type Rejection, type Result } from '@orrery/bus';
import { sql } from 'slonik';
import { z } from 'zod';
import { resolutionFor } from '../statistics/series-tables.ts';
import { storable } from '../storable-text.ts';
import type { Source } from './source.ts';

/** Points of one series in one answer. */
export const SERIES_POINTS_MAX = 1_500;
const STEP_MS_MIN = 10_000;
const SUBJECTS_MAX = 100;

/** Part of the past of some subjects, in steps. */
export interface SeriesRange {
  /** `kernel:<id>` or `node:<name>`. */
  readonly subjects: readonly string[];
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
  /** Names of metrics; absent: all. */
  readonly keys?: readonly string[] | undefined;
  readonly nowMs: number;
}

/** What was measured in one step, beginning at `atMs`. */
export interface SeriesPoint {
  readonly subject: string;
  readonly key: string;
  readonly atMs: number;
  readonly mean: number;
  readonly peak: number;
  readonly capacity: number | null;
}

const Point = z.object({
  subject: z.string(),
  key: z.string(),
  atMs: z.number(),
  mean: z.number(),
  peak: z.number(),
  capacity: z.number().nullable(),
});

/** By subject, metric and time; steps in which nothing was measured are left out. */
export async function statisticsSeries(
  source: Source,
  range: SeriesRange,
): Promise<Result<readonly SeriesPoint[], Rejection>> {
  const refusal = refusalOf(range);
  if (refusal !== undefined) return err(refusal);
  const { subjects, fromMs, toMs, stepMs, keys, nowMs } = range;
  if (subjects.length === 0) return ok([]);
  const wanted = sql.array(subjects.map(storable), 'text');
  const named =
    keys === undefined
      ? sql.fragment`TRUE`
      : sql.fragment`key = ANY(${sql.array(keys.map(storable), 'text')})`;
  const { table } = resolutionFor(fromMs, nowMs);
  const points = await source.read((connection) =>
    connection.any(sql.type(Point)`
      SELECT subject, key,
        (floor(extract(epoch FROM at) * 1000 / ${stepMs}) * ${stepMs})::float8 AS "atMs",
        sum(mean * measurements) / sum(measurements) AS mean,
        max(peak) AS peak, max(capacity) AS capacity
      FROM ${source.series(table)}
      WHERE subject = ANY(${wanted}) AND ${named}
        AND at >= to_timestamp(${fromMs / 1000}::float8)
        AND at < to_timestamp(${toMs / 1000}::float8)
      GROUP BY 1, 2, 3
      ORDER BY 1, 2, 3`),
  );
  return ok(points);
}

function refusalOf({ subjects, fromMs, toMs, stepMs }: SeriesRange): Rejection | undefined {
  const refused = (field: string, message: string): Rejection => ({
    code: 'statistics-range-invalid',
    message,
    field,
  });
  if (subjects.length > SUBJECTS_MAX)
    return refused('id', `at most ${SUBJECTS_MAX} kernels are looked at together`);
  if (!Number.isInteger(stepMs) || stepMs < STEP_MS_MIN)
    return refused('stepSeconds', `a step is of ${STEP_MS_MIN / 1000} s or more`);
  if (!(fromMs < toMs)) return refused('since', 'the time begins before it ends');
  if ((toMs - fromMs) / stepMs > SERIES_POINTS_MAX)
    return refused(
      'stepSeconds',
      `at most ${SERIES_POINTS_MAX} steps are shown: take longer ones, or less time`,
    );
  return undefined;
}
