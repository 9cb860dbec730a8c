import { z } from 'zod';
import { Slots } from '../slots.ts';
import { ClusterNetwork, KernelEndpoint, NetworkReport } from './cluster-network.ts';
import { HeldDevice } from './device.ts';
import { SessionUse } from './session-use.ts';

export const SESSION_SCHEMA_VERSION = 1;

export const SessionType = z.enum(['interactive', 'batch']);
export type SessionType = z.infer<typeof SessionType>;

export const SessionStatus = z.enum([
  'PENDING',
  'SCHEDULED',
  'PREPARING',
  'PREPARED',
  'CREATING',
  'RUNNING',
  'TERMINATING',
  'TERMINATED',
  'CANCELLED',
  'ERROR',
]);
export type SessionStatus = z.infer<typeof SessionStatus>;

export const KernelStatus = z.enum([
  'PENDING',
  'SCHEDULED',
  'PREPARING',
  'PULLING',
  'PREPARED',
  'CREATING',
  'RUNNING',
  'TERMINATING',
  'TERMINATED',
  'CANCELLED',
  'ERROR',
]);
export type KernelStatus = z.infer<typeof KernelStatus>;

const Id = z.uuid();

/** Who a session belongs to. */
export const SessionOwner = z.object({
  userId: Id,
  email: z.string(),
  /** What the user is called; absent: not written down then. */
  userName: z.string().optional(),
  accessKey: z.string().optional(),
  projectId: z.string(),
  domain: z.string(),
});
export type SessionOwner = Readonly<z.infer<typeof SessionOwner>>;

/** One container of a session, as asked for. */
export const KernelRequest = z.object({
  id: Id,
  role: z.enum(['main', 'sub']),
  /** 1-based within the role; `main1`, `sub1`, … is the hostname. */
  index: z.int().min(1),
  /** 0-based in the session. */
  localRank: z.int().min(0),
  hostname: z.string(),
  image: z.string(),
  slots: Slots,
  /** Of `/dev/shm`, a part of `mem`; absent: what the driver takes. */
  sharedMemoryBytes: z.int().min(1).optional(),
});
export type KernelRequest = Readonly<z.infer<typeof KernelRequest>>;

/** A session that has to end well before another may start. */
export const Dependency = z.object({ session: Id, name: z.string() });
export type Dependency = Readonly<z.infer<typeof Dependency>>;

/** Nodes that were named for a session: no others, or these first. */
export const Designation = z.object({
  nodes: z.array(z.string()).min(1),
  policy: z.enum(['strict', 'preferred']),
});
export type Designation = Readonly<z.infer<typeof Designation>>;

/** Sessions that are to lie apart, or together. */
export const PlacementGroup = z.object({
  name: z.string().min(1),
  direction: z.enum(['spread', 'pack']),
  enforcement: z.enum(['preferred', 'strict']),
});
export type PlacementGroup = Readonly<z.infer<typeof PlacementGroup>>;

/** What the user asked for. It never changes afterwards. */
export const SessionRequest = z.object({
  name: z.string(),
  sessionType: SessionType,
  owner: SessionOwner,
  resourceGroup: z.string(),
  architecture: z.string().optional(),
  clusterMode: z.enum(['single-node', 'multi-node']),
  priority: z.int().min(0).max(100),
  tag: z.string().optional(),
  environ: z.record(z.string(), z.string()),
  /** Argument vector of a batch session's program; null for an interactive session. */
  command: z.array(z.string()).nullable(),
  /** Milliseconds a batch session may run; absent: no limit. */
  batchTimeoutMs: z.int().min(1).optional(),
  kernels: z.array(KernelRequest).min(1),
  /** It does not start before. */
  startsAtMs: z.number().optional(),
  /** It starts when all of these have ended well, and is cancelled when one has not. */
  dependencies: z.array(Dependency).optional(),
  designated: Designation.optional(),
  placementGroup: PlacementGroup.optional(),
  /** Where preemption is on, it takes the place of preemptible ones with a lower one. Absent: 0. */
  jobPriority: z.int().optional(),
  isPreemptible: z.boolean().optional(),
  /** Starts that are tried before it is given up; 0: no limit. Absent: 5. */
  attemptsMax: z.int().min(0).optional(),
  /** Whether shares of a device may come from several. Absent: as its node has it. */
  isFragmentable: z.boolean().optional(),
  /** At which the user's own programs will be reached. */
  preopenPorts: z.array(z.int()).optional(),
});
export type SessionRequest = Readonly<z.infer<typeof SessionRequest>>;

export const Placement = z.object({ kernel: Id, node: z.string(), slots: Slots });
export type Placement = Readonly<z.infer<typeof Placement>>;

/** The steps of a kernel's start at which it can fail. */
export const KernelStep = z.enum(['prepare', 'pull', 'create', 'start', 'run']);
export type KernelStep = z.infer<typeof KernelStep>;

/** How far the pull of an image is. */
export const PullProgress = z.object({
  layersDone: z.int().min(0),
  layersTotal: z.int().min(0),
  bytesDone: z.int().min(0),
  /** Packed bytes of all layers, where the registry said it; those that are there already count, too. */
  bytesTotal: z.int().min(0).optional(),
});
export type PullProgress = Readonly<z.infer<typeof PullProgress>>;

/** A container that runs. */
const Running = {
  containerId: z.string(),
  startedAtMs: z.number(),
  /** Accelerators that it was given; absent: none. */
  devices: z.array(HeldDevice).optional(),
};

const kernelEvent = <Type extends string>(type: Type) => ({ type: z.literal(type), kernel: Id });

export const SessionEvent = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('session-enqueued'),
    session: Id,
    request: SessionRequest,
    queuedAtMs: z.number().optional(),
  }),
  /** Where it stands in the queue. The status does not change by it. */
  z.object({ type: z.literal('session-priority-changed'), priority: z.int() }),
  /** Somebody (the commit's actor) works inside it. Written before it is done; the status does not change. */
  z.object({ type: z.literal('session-used'), use: SessionUse, usedAtMs: z.number() }),
  z.object({
    type: z.literal('session-scheduled'),
    attempt: z.int().min(1),
    placements: z.array(Placement),
    /** How its kernels reach each other; absent: it has one, or their nodes know of no networks. */
    network: ClusterNetwork.optional(),
    /** Wishes of this attempt have this revision or a higher one; absent: not written down then. */
    wishesFrom: z.int().min(1).optional(),
  }),
  z.object({ type: z.literal('session-preparing') }),
  /** Its kernels can reach each other. The status does not change by it. */
  z.object({ type: z.literal('session-network-ready') }),
  z.object({ type: z.literal('session-prepared') }),
  z.object({ type: z.literal('session-creating') }),
  z.object({ type: z.literal('session-running') }),
  /** The result of a batch session's program. The status does not change by it. */
  z.object({
    type: z.literal('session-finished'),
    result: z.enum(['success', 'failure']),
    exitCode: z.int().nullable(),
    reason: z.string(),
  }),
  /** The wish to end, which cannot be taken back. */
  z.object({
    type: z.literal('session-terminating'),
    reason: z.string(),
    mode: z.enum(['graceful', 'force']),
    /** The wishes to be gone have this revision or a higher one; absent: not written down then. */
    wishesFrom: z.int().min(1).optional(),
  }),
  /** The wish to end became urgent: no more grace. The status does not change by it. */
  z.object({ type: z.literal('session-forced'), reason: z.string() }),
  z.object({ type: z.literal('session-terminated'), reason: z.string() }),
  z.object({ type: z.literal('session-cancelled'), reason: z.string() }),
  /** It could not be started, or ended in a way nobody wanted. Its status is ERROR. */
  z.object({ type: z.literal('session-failed'), reason: z.string(), message: z.string() }),
  /** Back to PENDING: this start did not work out and another node may do better. */
  z.object({
    type: z.literal('session-requeued'),
    reason: z.string(),
    message: z.string(),
    /** Where the start failed, if the node may be why, and until when that counts. */
    failedOn: z.object({ nodes: z.array(z.string()), untilMs: z.number() }).optional(),
  }),
  z.object({ ...kernelEvent('kernel-scheduled'), node: z.string(), slots: Slots }),
  z.object({ ...kernelEvent('kernel-preparing') }),
  /** Said again now and then while it goes on. */
  z.object({ ...kernelEvent('kernel-pulling'), progress: PullProgress.optional() }),
  z.object({ ...kernelEvent('kernel-prepared'), endpoint: KernelEndpoint.optional() }),
  z.object({ ...kernelEvent('kernel-creating') }),
  z.object({ ...kernelEvent('kernel-running'), ...Running }),
  z.object({ ...kernelEvent('kernel-terminating') }),
  z.object({
    ...kernelEvent('kernel-terminated'),
    reason: z.string(),
    exitCode: z.int().nullable(),
    wasOutOfMemory: z.boolean(),
    finishedAtMs: z.number().nullable(),
    /** Nothing of it was left on its node any more when its end was told. */
    isRemoved: z.boolean().optional(),
  }),
  z.object({ ...kernelEvent('kernel-cancelled'), reason: z.string() }),
  z.object({
    ...kernelEvent('kernel-failed'),
    step: KernelStep,
    code: z.string(),
    message: z.string(),
  }),
  z.object({ ...kernelEvent('kernel-requeued') }),
]);
export type SessionEvent = Readonly<z.infer<typeof SessionEvent>>;

/**
 * What an agent saw of one kernel. `wish` is the revision of the wish it acted on. Each report stands for
 * those before it: what runs was prepared, and what has `ran` was running.
 */
export const KernelReport = z.discriminatedUnion('state', [
  z.object({ state: z.literal('pulling'), progress: PullProgress.optional() }),
  z.object({ state: z.literal('prepared'), endpoint: KernelEndpoint.optional() }),
  z.object({ state: z.literal('running'), ...Running }),
  z.object({
    state: z.literal('exited'),
    exitCode: z.int().nullable(),
    wasOutOfMemory: z.boolean(),
    finishedAtMs: z.number().nullable(),
    /** Why it ended, as far as the agent knows: `self-terminated`, `user-requested`, `task-timeout`, … */
    reason: z.string(),
    /** What a report `running` had said, where that was not sent by itself. */
    ran: z.object(Running).optional(),
    /** Nothing of it is left there: no wish to be gone is needed. Absent: its container may be there. */
    isRemoved: z.boolean().optional(),
  }),
  z.object({ state: z.literal('failed'), step: KernelStep, code: z.string(), message: z.string() }),
  /** There is no container of this kernel, and none will start. */
  z.object({ state: z.literal('absent') }),
]);
export type KernelReport = Readonly<z.infer<typeof KernelReport>>;

export const SessionCommand = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('enqueue'), request: SessionRequest }),
  z.strictObject({
    type: z.literal('place'),
    attempt: z.int().min(1),
    placements: z.array(Placement).min(1),
    network: ClusterNetwork.optional(),
  }),
  z.strictObject({
    type: z.literal('report-kernel'),
    kernel: Id,
    node: z.string(),
    wishRevision: z.int().min(0),
    report: KernelReport,
  }),
  z.strictObject({
    type: z.literal('report-network'),
    node: z.string(),
    name: z.string(),
    report: NetworkReport,
  }),
  z.strictObject({
    type: z.literal('terminate'),
    mode: z.enum(['graceful', 'force']),
    reason: z.string(),
  }),
  /** Back to the queue, from whatever this attempt has come to; from the scheduler. */
  z.strictObject({
    type: z.literal('requeue'),
    attempt: z.int().min(1),
    reason: z.string(),
    message: z.string(),
  }),
  /** From the scheduler: a node of this attempt was lost (who has not run waits again) or came back. */
  z.strictObject({
    type: z.literal('look-after-node'),
    attempt: z.int().min(1),
    node: z.string(),
    change: z.enum(['lost', 'returned']),
  }),
  z.strictObject({ type: z.literal('set-priority'), priority: z.int().min(0).max(100) }),
  /** Sent before something is done inside, by who does it; refused where nothing can run. */
  z.strictObject({ type: z.literal('note-use'), use: SessionUse, usedAtMs: z.number() }),
  /**
   * The scheduler shall be told how it ended, if it has, or that there is none. `attempt`: it holds slots for that one,
   * which are free then.
   */
  z.strictObject({ type: z.literal('tell-outcome'), attempt: z.int().min(1).optional() }),
  /** A deadline of the state the session is in has passed; sent by the runtime only. */
  z.strictObject({ type: z.literal('pass-deadline'), deadline: z.string() }),
]);
export type SessionCommand = Readonly<z.infer<typeof SessionCommand>>;
