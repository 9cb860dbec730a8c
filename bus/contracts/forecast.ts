import { z } from 'zod';
import { Slots } from '../slots.ts';

/** How predictions of starts came out, of those who have started since. */
export const ForecastScore = z.object({
  count: z.int().min(0),
  /** Share of waits that were predicted at no more than twice and no less than half of what they came to be. */
  withinTwice: z.number().min(0).max(1),
  /** Share of starts within the range that was told. */
  withinRange: z.number().min(0).max(1),
  /** Of how far off the starts were. */
  errorP50Ms: z.number().min(0),
  errorP95Ms: z.number().min(0),
});
export type ForecastScore = Readonly<z.infer<typeof ForecastScore>>;

/** What a session could ask for instead, to start at once; what is absent stays as it is. */
export const StartSuggestion = z.object({
  change: z.string(),
  message: z.string(),
  resourceGroup: z.string().optional(),
  clusterMode: z.enum(['single-node', 'multi-node']).optional(),
  /** Of each kernel that is left. */
  kernels: z.array(Slots).optional(),
  runsAtMostMs: z.int().min(1).optional(),
});
export type StartSuggestion = Readonly<z.infer<typeof StartSuggestion>>;

/** What was told of the start of a session that waits. */
export const StartForecast = z.object({
  atMs: z.number(),
  /** How many wait in its resource group, itself among them. */
  waiting: z.int().min(1),
  /** Absent: no moment can be named. */
  startsAtMs: z.number().optional(),
  earliestMs: z.number().optional(),
  /** Absent: it is not bounded by anything known, or there is no `earliestMs` either. */
  latestMs: z.number().optional(),
  /** Why no moment can be named. */
  unknown: z.string().optional(),
  suggestions: z.array(StartSuggestion),
  /** Of earlier forecasts in the resource group; absent: none has come out yet. */
  score: ForecastScore.optional(),
});
export type StartForecast = Readonly<z.infer<typeof StartForecast>>;
