import { z } from 'zod';
import { Slots } from '../slots.ts';
import { EngineFacts } from './cluster-network.ts';
import { StartForecast } from './forecast.ts';
import { Dependency, Designation, Placement, PlacementGroup } from './session.ts';

export const SCHEDULER_SCHEMA_VERSION = 1;

/** The one scheduler: the only writer of allocations. */
export const SCHEDULER_ID = 'main';

const Session = z.uuid();

const ScheduledType = z.enum(['interactive', 'batch', 'inference', 'system']);

/** What the scheduler needs to know of a session to place it. */
export const QueuedSession = z.object({
  session: Session,
  attempt: z.int().min(1),
  resourceGroup: z.string(),
  architecture: z.string().optional(),
  /** Of its main kernel: by it one expects how long it runs. */
  image: z.string().optional(),
  clusterMode: z.enum(['single-node', 'multi-node']),
  priority: z.int(),
  owner: z.object({
    userId: z.string(),
    projectId: z.string(),
    domain: z.string(),
    accessKey: z.string().optional(),
  }),
  kernels: z.array(z.object({ kernel: z.uuid(), slots: Slots })).min(1),
  name: z.string().optional(),
  /** Absent: interactive. */
  sessionType: ScheduledType.optional(),
  /** When the session came first: its place in the queue, also when it waits again. */
  queuedAtMs: z.number().optional(),
  /** It does not start before. */
  startsAtMs: z.number().optional(),
  /** It starts when all of these have ended well, and never when one has not. */
  dependencies: z.array(Dependency).optional(),
  designated: Designation.optional(),
  placementGroup: PlacementGroup.optional(),
  /** Of who may be preempted, those with a lower one are; absent: 0. */
  jobPriority: z.int().optional(),
  isPreemptible: z.boolean().optional(),
  /** At most so long from its start. */
  runsAtMostMs: z.int().min(1).optional(),
  /** Nodes where a start of it failed; taken last until then. */
  failedOn: z.array(z.object({ node: z.string(), untilMs: z.number() })).optional(),
});
export type QueuedSession = Readonly<z.infer<typeof QueuedSession>>;

/** What the scheduler knows of a node. */
export const NodeCapacity = z.object({
  node: z.string(),
  resourceGroup: z.string(),
  architecture: z.string(),
  slots: Slots,
  isSchedulable: z.boolean(),
  /** Absent: no limit. */
  containersMax: z.int().min(0).optional(),
  /** Of the node that says so: what is older than the newest known comes late, and changes nothing. */
  revision: z.int().optional(),
  engine: EngineFacts.optional(),
});
export type NodeCapacity = Readonly<z.infer<typeof NodeCapacity>>;

/** The one check or resource that keeps a session waiting. */
export const HoldReason = z.object({
  code: z.string(),
  message: z.string(),
  missing: Slots.optional(),
  /** Every check that failed; `code` and `message` are of the first. */
  checks: z.array(z.object({ name: z.string(), message: z.string() })).optional(),
  /** How many agents each step left. */
  agents: z
    .object({
      inGroup: z.int(),
      schedulable: z.int(),
      compatible: z.int(),
      largeEnough: z.int(),
    })
    .optional(),
  /** In the queue of its group, from 1, when the reason was written. */
  place: z.int().min(1).optional(),
});
export type HoldReason = Readonly<z.infer<typeof HoldReason>>;

const Weights = z.record(z.string(), z.number().min(0));

/** How use counts for the ordering `fair-share` (reference: `fair_share_spec`). */
export const FairShare = z.object({
  /** Use counts half as much after each so many days, */
  halfLifeDays: z.number().positive(),
  /** in steps of so many, */
  decayUnitDays: z.int().min(1),
  /** and not at all when it lies further back. */
  lookbackDays: z.int().min(1),
  /** Of owners that have none of their own. */
  defaultWeight: z.number().min(0),
  /** By slot name; one that is not named weighs 1. */
  resourceWeights: Weights,
  /** By name or id of the owner. */
  weights: z.object({ domains: Weights, projects: Weights, users: Weights }).partial().optional(),
});
export type FairShare = Readonly<z.infer<typeof FairShare>>;

/** Of a group for which none was set. */
export const DEFAULT_FAIR_SHARE: FairShare = {
  halfLifeDays: 7,
  decayUnitDays: 1,
  lookbackDays: 28,
  defaultWeight: 1,
  resourceWeights: {},
};

/** What a session has that does not say otherwise when it is made (reference: `default_session_options`). */
export const SessionDefaults = z
  .object({
    priority: z.int(),
    jobPriority: z.int(),
    isPreemptible: z.boolean(),
    clusterMode: z.enum(['single-node', 'multi-node']),
    /** Of nodes that are named for it. */
    designation: Designation.shape.policy,
    attemptsMax: z.int(),
    isFragmentable: z.boolean(),
  })
  .partial();
export type SessionDefaults = Readonly<z.infer<typeof SessionDefaults>>;

/** How the sessions of a resource group are ordered, checked and placed (reference: options of a resource group). */
export const GroupPolicy = z.object({
  ordering: z.enum(['fifo', 'lifo', 'drf', 'fair-share']),
  strategy: z.enum(['dispersed', 'concentrated', 'round-robin', 'minimum-occupied', 'weighted']),
  /** For `weighted`: by slot name, how much a free share of it is worth. */
  weights: z.record(z.string(), z.number().min(0)).optional(),
  allowedSessionTypes: z.array(ScheduledType),
  /** False: nobody starts there; who runs goes on. Absent: true. */
  isActive: z.boolean().optional(),
  /** Who may use the group; absent: everyone. */
  access: z
    .object({
      domains: z.array(z.string()),
      projects: z.array(z.string()),
      accessKeys: z.array(z.string()),
    })
    .optional(),
  /** 0: a session may wait for ever. */
  pendingTimeoutMs: z.int().min(0),
  /** `first-blocked`: who does not fit first keeps room, and those behind run only where they do not delay it. */
  reservation: z.enum(['none', 'first-blocked']),
  preemption: z.object({
    isEnabled: z.boolean(),
    order: z.enum(['oldest', 'newest', 'fewest-sessions', 'smallest-resources']),
    mode: z.enum(['terminate', 'reschedule']),
    runtimeMinMs: z.int().min(0),
    victimScope: z.enum(['user', 'project', 'domain', 'resource-group']),
  }),
  /** Kernels of a session are in the network of their machines. Absent: in one of their own. */
  usesHostNetwork: z.boolean().optional(),
  /** For people; the scheduler does not look at it. */
  description: z.string().optional(),
  /** For `fair-share`; absent: the defaults. */
  fairShare: FairShare.optional(),
  /** True of one group at most: sessions that name none are in it. Where it is true of none, that is `default`. */
  isDefault: z.boolean().optional(),
  /** Containers on each node at the same time, besides what the node itself says; absent: no limit. */
  containersPerNodeMax: z.int().min(1).optional(),
  sessionDefaults: SessionDefaults.optional(),
});
export type GroupPolicy = Readonly<z.infer<typeof GroupPolicy>>;

/** What is left out stays as it is; null takes away what may be absent. */
export const GroupPolicyChange = z.strictObject({
  ...GroupPolicy.partial().shape,
  weights: GroupPolicy.shape.weights.nullish(),
  access: GroupPolicy.shape.access.nullish(),
  description: GroupPolicy.shape.description.nullish(),
  preemption: GroupPolicy.shape.preemption.partial().optional(),
  fairShare: FairShare.partial().nullish(),
  containersPerNodeMax: GroupPolicy.shape.containersPerNodeMax.nullish(),
  sessionDefaults: SessionDefaults.nullish(),
});

/** Of a group for which none was set. */
export const DEFAULT_GROUP_POLICY: GroupPolicy = {
  ordering: 'fifo',
  strategy: 'dispersed',
  allowedSessionTypes: ['interactive', 'batch', 'inference'],
  pendingTimeoutMs: 0,
  reservation: 'none',
  preemption: {
    isEnabled: false,
    order: 'oldest',
    mode: 'terminate',
    runtimeMinMs: 0,
    victimScope: 'user',
  },
};

export const LimitScope = z.enum(['keypair', 'user', 'project', 'domain']);
export type LimitScope = z.infer<typeof LimitScope>;

/**
 * What one owner may hold; what is absent is unlimited. Only a key pair has a limit of system sessions, of containers,
 * of priorities and of lifetimes.
 */
export const OwnerLimits = z.object({
  total: Slots.optional(),
  /** Of slots that `total` does not name. Absent: unlimited. */
  unlistedSlots: z.enum(['unlimited', 'none']).optional(),
  concurrentSessionsMax: z.int().min(0).optional(),
  concurrentSystemSessionsMax: z.int().min(0).optional(),
  pendingSessionsMax: z.int().min(0).optional(),
  pendingTotalMax: Slots.optional(),
  containersPerSessionMax: z.int().min(1).optional(),
  priorityMax: z.int().min(0).max(100).optional(),
  /** From when a session got its slots. */
  sessionLifetimeMaxMs: z.int().min(1).optional(),
  /** Which of these the owner itself or its resource policy says: they are changed there only. */
  said: z.array(z.string()).optional(),
});
export type OwnerLimits = Readonly<z.infer<typeof OwnerLimits>>;

const LimitsOfOwner = {
  scope: LimitScope,
  /** Access key, user id, project id or name of the domain. */
  key: z.string().min(1),
  /** Null: no limits. */
  limits: OwnerLimits.nullable(),
};

export const SessionOutcome = z.enum(['success', 'failure']);
export type SessionOutcome = z.infer<typeof SessionOutcome>;

export const SchedulerEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('session-queued'), queued: QueuedSession }),
  z.object({
    type: z.literal('session-placed'),
    session: Session,
    attempt: z.int(),
    placements: z.array(Placement),
    atMs: z.number().optional(),
  }),
  /** Written when the reason changes, not at every pass. */
  z.object({
    type: z.literal('session-held'),
    session: Session,
    reason: HoldReason,
    atMs: z.number().optional(),
  }),
  /** Somebody asked; written for one session at most every few seconds. */
  z.object({
    type: z.literal('start-foretold'),
    session: Session,
    /** As it is then; absent when it would be placed at once. */
    reason: HoldReason.optional(),
    forecast: StartForecast,
  }),
  /** It left the queue without having been placed. */
  z.object({ type: z.literal('session-dequeued'), session: Session }),
  /** What it held is free again. */
  z.object({
    type: z.literal('allocation-released'),
    session: Session,
    atMs: z.number().optional(),
    /** How the session ended; absent: it is not over. */
    result: SessionOutcome.optional(),
  }),
  z.object({ type: z.literal('node-joined'), capacity: NodeCapacity }),
  z.object({ type: z.literal('node-capacity-changed'), capacity: NodeCapacity }),
  z.object({ type: z.literal('group-policy-set'), group: z.string(), policy: GroupPolicy }),
  /** The default policy holds there again. */
  z.object({ type: z.literal('group-removed'), group: z.string() }),
  z.object({ type: z.literal('limits-set'), ...LimitsOfOwner }),
  z.object({ type: z.literal('priority-changed'), session: Session, priority: z.int() }),
  /** It has left the queue and will never be placed; its actor is told to end. */
  z.object({
    type: z.literal('session-given-up'),
    session: Session,
    attempt: z.int(),
    reason: z.enum(['pending-timeout', 'dependency-failed']),
    message: z.string(),
  }),
  /** Its actor is told to end, or to wait again; it holds its slots until it has. */
  z.object({
    type: z.literal('session-preempted'),
    session: Session,
    attempt: z.int(),
    mode: z.enum(['terminate', 'reschedule']),
    reason: z.enum(['preempted', 'node-drained']),
    /** For `preempted`. */
    inFavourOf: Session.optional(),
  }),
  /** Others were told to end in its favour: once they have gone it lies there. It replaces what was promised before. */
  z.object({
    type: z.literal('room-promised'),
    session: Session,
    attempt: z.int(),
    placements: z.array(z.object({ kernel: z.uuid(), node: z.string() })).min(1),
  }),
  /** The room that was made for it is lost, with a node or to a limit: it waits as anyone. */
  z.object({ type: z.literal('promise-broken'), session: Session, attempt: z.int() }),
  /** It held its slots for as long as its key pair lets it; its actor is told to end. */
  z.object({
    type: z.literal('session-expired'),
    session: Session,
    attempt: z.int(),
    lifetimeMs: z.int(),
  }),
  /** Written of sessions for which others wait. */
  z.object({ type: z.literal('dependency-ended'), session: Session, result: SessionOutcome }),
  /** Time alone may have changed what can be placed. */
  z.object({ type: z.literal('time-looked-at'), atMs: z.number() }),
]);
export type SchedulerEvent = Readonly<z.infer<typeof SchedulerEvent>>;

export const SchedulerCommand = z.discriminatedUnion('type', [
  /** Idempotent: a session that is queued or placed for this attempt already is told again, not placed again. */
  z.strictObject({ type: z.literal('queue'), queued: QueuedSession }),
  /** The session is over, or this attempt of it: its place in the queue and its slots are free. */
  z.strictObject({
    type: z.literal('release'),
    session: Session,
    attempt: z.int().min(1),
    /** The session is over, for those who depend on it. */
    result: SessionOutcome.optional(),
  }),
  z.strictObject({ type: z.literal('update-node'), capacity: NodeCapacity }),
  z.strictObject({
    type: z.literal('set-group'),
    group: z.string().min(1).max(64),
    policy: GroupPolicyChange,
  }),
  z.strictObject({ type: z.literal('remove-group'), group: z.string().min(1).max(64) }),
  /**
   * `owner`: from the project, the domain or the policy of the key pair; what it names counts as it says, and what an
   * administrator set besides stays (null: it is gone, and all its limits). Absent: from an administrator; what the
   * owner says stays.
   */
  z.strictObject({
    type: z.literal('set-limits'),
    ...LimitsOfOwner,
    from: z.literal('owner').optional(),
  }),
  z.strictObject({
    type: z.literal('set-priority'),
    session: Session,
    priority: z.int().min(0).max(100),
  }),
  /** When it is expected to start and what would start it sooner; nothing for a session that does not wait. */
  z.strictObject({ type: z.literal('foretell'), session: Session }),
  /** How a session ended on which others depend; the answer to `tell-outcome`. */
  z.strictObject({ type: z.literal('finish'), session: Session, result: SessionOutcome }),
  /** Whoever is still on the node ends, or waits again. */
  z.strictObject({
    type: z.literal('evict'),
    node: z.string(),
    mode: z.enum(['terminate', 'reschedule']),
    /** Of the node, as in its capacity. */
    revision: z.int().optional(),
  }),
  /**
   * From a node. `lost`: who has not started there waits again. `returned`: whoever is there asks how it is.
   */
  z.strictObject({
    type: z.literal('look-after-node'),
    node: z.string(),
    change: z.enum(['lost', 'returned']),
  }),
  /** Sent by the runtime only. */
  z.strictObject({ type: z.literal('pass-deadline'), deadline: z.string() }),
]);
export type SchedulerCommand = Readonly<z.infer<typeof SchedulerCommand>>;
