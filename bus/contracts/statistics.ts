import { z } from 'zod';

/**
 * One measured value as clients read it. Numbers are decimal text: at most three decimals, no trailing zeros.
 * `stats.*` are there as far as the metric keeps them; all are over the whole life of the metric.
 */
export const Metric = z.object({
  current: z.string(),
  capacity: z.string().nullable(),
  /** `current / capacity` in percent, two decimals; `0.00` without a capacity. */
  pct: z.string(),
  unit_hint: z.enum(['bytes', 'percent', 'msec', 'bps', 'count', 'Watts', 'Celsius']),
  'stats.min': z.string().optional(),
  'stats.max': z.string().optional(),
  'stats.sum': z.string().optional(),
  'stats.avg': z.string().optional(),
  'stats.diff': z.string().optional(),
  'stats.rate': z.string().optional(),
});
export type Metric = Readonly<z.infer<typeof Metric>>;

/** By key, such as `cpu_util` or `mem`. */
export const Metrics = z.record(z.string(), Metric);
export type Metrics = Readonly<z.infer<typeof Metrics>>;

/** What an agent measures and says every few seconds. Nobody is told again: the next one comes soon. */
export const StatisticsMessage = z.discriminatedUnion('of', [
  z.object({
    of: z.literal('node'),
    node: z.string(),
    atMs: z.number(),
    metrics: Metrics,
    /** By key, then by device: a core, a block device, a GPU. */
    devices: z.record(z.string(), z.record(z.string(), Metric)),
  }),
  z.object({
    of: z.literal('kernels'),
    node: z.string(),
    atMs: z.number(),
    /** By kernel, the running ones only. */
    kernels: z.record(z.string(), Metrics),
  }),
]);
export type StatisticsMessage = Readonly<z.infer<typeof StatisticsMessage>>;

/** Subjects of the live channel. */
export const statisticsLive = {
  of: (node: string) => `live.statistics.${node}`,
  all: 'live.statistics.*',
};
