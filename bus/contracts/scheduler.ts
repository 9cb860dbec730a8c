import { z } from 'zod';
import { Slots } from '../slots.ts';
import { Placement } from './session.ts';

export const SCHEDULER_SCHEMA_VERSION = 1;

/** The one scheduler: the only writer of allocations. */
export const SCHEDULER_ID = 'main';

const Session = z.uuid();

/** What the scheduler needs to know of a session to place it. */
export const QueuedSession = z.object({
  session: Session,
  attempt: z.int().min(1),
  resourceGroup: z.string(),
  architecture: z.string().optional(),
  clusterMode: z.enum(['single-node', 'multi-node']),
  priority: z.int(),
  owner: z.object({ userId: z.string(), projectId: z.string(), domain: z.string() }),
  kernels: z.array(z.object({ kernel: z.uuid(), slots: Slots })).min(1),
});
export type QueuedSession = Readonly<z.infer<typeof QueuedSession>>;

/** What the scheduler knows of a node. */
export const NodeCapacity = z.object({
  node: z.string(),
  resourceGroup: z.string(),
  architecture: z.string(),
  slots: Slots,
  isSchedulable: z.boolean(),
});
export type NodeCapacity = Readonly<z.infer<typeof NodeCapacity>>;

/** The one check or resource that keeps a session waiting. */
export const HoldReason = z.object({
  code: z.string(),
  message: z.string(),
  missing: Slots.optional(),
});
export type HoldReason = Readonly<z.infer<typeof HoldReason>>;

export const SchedulerEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('session-queued'), queued: QueuedSession }),
  z.object({
    type: z.literal('session-placed'),
    session: Session,
    attempt: z.int(),
    placements: z.array(Placement),
  }),
  /** Written when the reason changes, not at every pass. */
  z.object({ type: z.literal('session-held'), session: Session, reason: HoldReason }),
  /** It left the queue without having been placed. */
  z.object({ type: z.literal('session-dequeued'), session: Session }),
  /** What it held is free again. */
  z.object({ type: z.literal('allocation-released'), session: Session }),
  z.object({ type: z.literal('node-joined'), capacity: NodeCapacity }),
  z.object({ type: z.literal('node-capacity-changed'), capacity: NodeCapacity }),
]);
export type SchedulerEvent = Readonly<z.infer<typeof SchedulerEvent>>;

export const SchedulerCommand = z.discriminatedUnion('type', [
  /** Idempotent: a session that is queued or placed for this attempt already is told again, not placed again. */
  z.strictObject({ type: z.literal('queue'), queued: QueuedSession }),
  /** The session is over, or this attempt of it: its place in the queue and its slots are free. */
  z.strictObject({ type: z.literal('release'), session: Session, attempt: z.int().min(1) }),
  z.strictObject({ type: z.literal('update-node'), capacity: NodeCapacity }),
]);
export type SchedulerCommand = Readonly<z.infer<typeof SchedulerCommand>>;
