import { z } from 'zod';
import { Slots } from '../slots.ts';
import { ForecastScore } from './forecast.ts';
import { GroupPolicyChange } from './scheduler.ts';

/** Policies that one replay compares besides the group's own. */
export const REPLAY_POLICIES_MAX = 4;
export const REPLAY_NODES_MAX = 100_000;
/** Owners of a kind, and users, that an answer lists; the others are counted. */
export const OWNERS_LISTED_MAX = 200;
/** Characters of a trace in one frame. */
export const TRACE_CHUNK_CHARACTERS_MAX = 128 * 1024;

const TriedPolicy = z.strictObject({ name: z.string(), change: GroupPolicyChange });

/** Of those who may ask what the scheduler has in memory or would have done; answered beside it. */
export const SchedulingQuestion = z.discriminatedUnion('type', [
  /** A recorded period of a group, as it was and under other policies. */
  z.strictObject({
    type: z.literal('replay'),
    group: z.string(),
    fromMs: z.number(),
    toMs: z.number(),
    policies: z.array(TriedPolicy).max(REPLAY_POLICIES_MAX),
  }),
  /** A trace in the Standard Workload Format, whose text follows in frames, on nodes that are all alike. */
  z.strictObject({
    type: z.literal('workload'),
    nodes: z.int().min(1).max(REPLAY_NODES_MAX),
    slots: Slots,
    policies: z.array(TriedPolicy).max(REPLAY_POLICIES_MAX),
  }),
  /** Who used how much of a group, and how they stand. */
  z.strictObject({ type: z.literal('fair-share'), group: z.string() }),
  /** How forecasts of starts came out, of each group where one has. */
  z.strictObject({ type: z.literal('forecast-scores') }),
]);
export type SchedulingQuestion = Readonly<z.infer<typeof SchedulingQuestion>>;

/** A piece of a trace: base64 of its gzipped text. */
export const TraceChunk = z.strictObject({
  chunk: z.string().max(TRACE_CHUNK_CHARACTERS_MAX),
});
export type TraceChunk = Readonly<z.infer<typeof TraceChunk>>;

const Waits = z.object({ count: z.int(), p50Ms: z.number(), p95Ms: z.number() });
const Numbers = z.record(z.string(), z.number());

/** What became of a load under one policy. */
const ReplayColumn = z.object({
  name: z.string(),
  /** The group's own policy, as it was. */
  isOwn: z.boolean(),
  placed: z.int(),
  /** Who waited at the end; counted among the waits with the time until then. */
  waiting: z.int(),
  wait: Waits,
  /** Those with most sessions first. */
  waitByUser: z.array(z.object({ user: z.string(), ...Waits.shape })),
  usersLeftOut: z.int(),
  /** By kernels of a session. */
  waitBySize: z.array(z.object({ kernels: z.string(), ...Waits.shape })),
  /** By slot, the share of all that there was. */
  utilisation: Numbers,
  fairness: z.number(),
  preemptions: z.int(),
  spanMs: z.number(),
  /** Sessions of which it had to be guessed how long they would have run. */
  assumedRuns: z.int(),
});
export type ReplayColumn = Readonly<z.infer<typeof ReplayColumn>>;

const ReplayAnswer = z.object({
  type: z.literal('replay'),
  group: z.string(),
  fromMs: z.number(),
  toMs: z.number(),
  /** How many of the placements that were recorded the group's own policy gave again; null for a trace. */
  recorded: z.object({ placements: z.int(), same: z.int() }).nullable(),
  /** Jobs of a trace that cannot be run: without a run time or processors. */
  skippedJobs: z.int(),
  columns: z.array(ReplayColumn),
});
export type ReplayAnswer = Readonly<z.infer<typeof ReplayAnswer>>;

const FairShareAnswer = z.object({
  type: z.literal('fair-share'),
  group: z.string(),
  atMs: z.number(),
  isInForce: z.boolean(),
  halfLifeDays: z.number(),
  decayUnitDays: z.number(),
  lookbackDays: z.number(),
  /** By kind and rank. */
  owners: z.array(
    z.object({
      kind: z.enum(['domain', 'project', 'user']),
      owner: z.string(),
      rank: z.int(),
      factor: z.number(),
      weight: z.number(),
      /** By slot: amount times seconds within the look-back, and what of it counts now. */
      usedSlotSeconds: Numbers,
      countedSlotSeconds: Numbers,
    }),
  ),
  ownersLeftOut: z.int(),
});
export type FairShareAnswer = Readonly<z.infer<typeof FairShareAnswer>>;

const ForecastScoresAnswer = z.object({
  type: z.literal('forecast-scores'),
  groups: z.array(z.object({ group: z.string(), score: ForecastScore })),
});

export const SchedulingAnswer = z.discriminatedUnion('type', [
  ReplayAnswer,
  FairShareAnswer,
  ForecastScoresAnswer,
  z.object({
    type: z.literal('refused'),
    code: z.string(),
    message: z.string(),
    field: z.string().optional(),
  }),
]);
export type SchedulingAnswer = Readonly<z.infer<typeof SchedulingAnswer>>;
