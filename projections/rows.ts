import {
  AllowedFolderHosts,
  GroupPolicy,
  HeldDevice,
  HoldReason,
  ImageFacts,
  KernelStatus,
  LimitScope,
  Membership,
  NodeDevice,
  NodeStatus,
  NodeTrouble,
  OwnerLimits,
  PolicyKind,
  ProjectType,
  PullProgress,
  ResourcePolicy,
  SessionStatus,
  SessionType,
  Slots,
  SshKey,
  StartForecast,
  UserRole,
  UserStatus,
} from '@orrery/bus';
import { z } from 'zod';

/**
 * One row of each table, as it lies in PostgreSQL. Instants are milliseconds since the Unix epoch;
 * `revision` counts the aggregate's events so far, `sequence` is the log sequence of the last commit that
 * changed the row.
 */
const Instant = z.int();
const Place = { revision: z.int(), sequence: z.int() };

export const SessionRow = z.object({
  id: z.string(),
  name: z.string(),
  sessionType: SessionType,
  status: SessionStatus,
  /** A stable word: why it waits, failed or ended. */
  statusInfo: z.string().nullable(),
  /** The same for people. */
  statusMessage: z.string().nullable(),
  result: z.enum(['undefined', 'success', 'failure']),
  exitCode: z.int().nullable(),
  /** Of its main kernel. */
  image: z.string(),
  command: z.array(z.string()).nullable(),
  ownerUserId: z.string(),
  ownerEmail: z.string(),
  accessKey: z.string().nullable(),
  projectId: z.string(),
  domain: z.string(),
  resourceGroup: z.string(),
  architecture: z.string().nullable(),
  clusterMode: z.string(),
  priority: z.int(),
  tag: z.string().nullable(),
  environ: z.record(z.string(), z.string()),
  batchTimeoutMs: z.int().nullable(),
  requestedSlots: Slots,
  /** What its kernels hold now; empty before it is placed and after its end. */
  occupiedSlots: Slots,
  /** ISO instant of the latest entry into each status. */
  statusHistory: z.record(z.string(), z.string()),
  createdAtMs: Instant,
  startedAtMs: Instant.nullable(),
  terminatedAtMs: Instant.nullable(),
  ...Place,
});
export type SessionRow = Readonly<z.infer<typeof SessionRow>>;

export const KernelRow = z.object({
  id: z.string(),
  sessionId: z.string(),
  role: z.enum(['main', 'sub']),
  index: z.int(),
  localRank: z.int(),
  hostname: z.string(),
  status: KernelStatus,
  /** A stable word: why it ended or failed. */
  statusInfo: z.string().nullable(),
  /** The same for people. */
  statusMessage: z.string().nullable(),
  image: z.string(),
  agentId: z.string().nullable(),
  containerId: z.string().nullable(),
  requestedSlots: Slots,
  occupiedSlots: Slots,
  /** Accelerators that it holds, or held to its end. */
  devices: z.array(HeldDevice),
  /** How far its image is; null: it is not being pulled. */
  pullProgress: PullProgress.nullable(),
  exitCode: z.int().nullable(),
  wasOutOfMemory: z.boolean(),
  startedAtMs: Instant.nullable(),
  terminatedAtMs: Instant.nullable(),
  ...Place,
});
export type KernelRow = Readonly<z.infer<typeof KernelRow>>;

/** With what is wrong with it on its node now, for people. */
export const KernelSeen = KernelRow.extend({ trouble: z.string().nullable() });
export type KernelSeen = Readonly<z.infer<typeof KernelSeen>>;

/** A session in the scheduler's queue, or one that has left it. */
export const QueueRow = z.object({
  sessionId: z.string(),
  isWaiting: z.boolean(),
  attempt: z.int(),
  resourceGroup: z.string(),
  reasonCode: z.string().nullable(),
  reasonMessage: z.string().nullable(),
  missingSlots: Slots.nullable(),
  /** What else is known of the reason, and of its start. */
  reasonDetails: HoldReason.pick({ checks: true, agents: true, place: true })
    .extend({ forecast: StartForecast.optional() })
    .nullable(),
  queuedAtMs: Instant,
  sequence: z.int(),
});
export type QueueRow = Readonly<z.infer<typeof QueueRow>>;

/** What the scheduler gave to one kernel on one node, until it is released. Each attempt has its own. */
export const AllocationRow = z.object({
  /** `kernel/attempt`. */
  id: z.string(),
  kernelId: z.string(),
  sessionId: z.string(),
  agentId: z.string(),
  attempt: z.int(),
  slots: Slots,
  isReleased: z.boolean(),
  heldFromMs: Instant,
  /** Null while it is held. */
  heldUntilMs: Instant.nullable(),
  sequence: z.int(),
});
export type AllocationRow = Readonly<z.infer<typeof AllocationRow>>;

export const NodeRow = z.object({
  id: z.string(),
  status: NodeStatus,
  isSchedulable: z.boolean(),
  driver: z.string(),
  architecture: z.string(),
  resourceGroup: z.string(),
  version: z.string(),
  availableSlots: Slots,
  devices: z.array(NodeDevice),
  troubles: z.array(NodeTrouble),
  /** Whether one of them keeps sessions away, whatever an operator said. */
  isTroubled: z.boolean(),
  registeredAtMs: Instant,
  /** When its heartbeats stopped; null while it is alive. */
  lostAtMs: Instant.nullable(),
  /** Why it left on purpose. */
  statusInfo: z.string().nullable(),
  ...Place,
});
export type NodeRow = Readonly<z.infer<typeof NodeRow>>;

export const ImageRow = z.object({
  id: z.string(),
  reference: z.string(),
  isForgotten: z.boolean(),
  /** Facts by the name of each node that has it. */
  facts: z.record(z.string(), ImageFacts),
  architectures: z.array(z.string()),
  sizeBytes: z.number().nullable(),
  agentIds: z.array(z.string()),
  labels: z.record(z.string(), z.string()),
  /** What its registry had when it was asked last; empty: it was not. */
  platforms: z.array(ImageFacts),
  /** The reference that this name stands for; null: it is an image itself. */
  aliasOf: z.string().nullable(),
  registeredAtMs: Instant,
  ...Place,
});
export type ImageRow = Readonly<z.infer<typeof ImageRow>>;

/** A public key that signs its user in over SSH. */
export const SshKeyRow = z.object({ ...SshKey.shape, addedAtMs: Instant });
export type SshKeyRow = Readonly<z.infer<typeof SshKeyRow>>;

export const UserRow = z.object({
  id: z.string(),
  email: z.string(),
  username: z.string(),
  role: UserRole,
  domain: z.string(),
  /** The project of sessions that name none. */
  projectId: z.string(),
  projects: z.array(Membership),
  /** PHC string. */
  passwordHash: z.string(),
  passwordChangedAtMs: Instant.nullable(),
  needPasswordChange: z.boolean(),
  fullName: z.string(),
  description: z.string(),
  status: UserStatus,
  /** Why the status is as it is. */
  statusInfo: z.string().nullable(),
  isActive: z.boolean(),
  resourcePolicy: z.string(),
  allowedClientIp: z.array(z.string()).nullable(),
  sudoSessionEnabled: z.boolean(),
  /** Null before a key pair was issued. */
  mainAccessKey: z.string().nullable(),
  /** Opens with the gateway's master key, for this user only. Null: no second factor. */
  sealedTotpSecret: z.string().nullable(),
  /** Null: nobody is asked for it. */
  totpActivatedAtMs: Instant.nullable(),
  recoveryCodesLeft: z.int(),
  /** In the order in which they were added. */
  sshKeys: z.array(SshKeyRow),
  /** There is none any more; what is known of them is for the audit only. */
  isPurged: z.boolean(),
  createdAtMs: Instant,
  modifiedAtMs: Instant,
  ...Place,
});
export type UserRow = Readonly<z.infer<typeof UserRow>>;

export const KeypairRow = z.object({
  accessKey: z.string(),
  userId: z.string(),
  /** The secret key, sealed under the cluster's master key. */
  sealedSecret: z.string(),
  isAdmin: z.boolean(),
  rateLimit: z.int(),
  /** Null: none, so no limits. */
  resourcePolicy: z.string().nullable(),
  isActive: z.boolean(),
  isDeleted: z.boolean(),
  createdAtMs: Instant,
  ...Place,
});
export type KeypairRow = Readonly<z.infer<typeof KeypairRow>>;

export const DomainRow = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  isActive: z.boolean(),
  totalResourceSlots: Slots,
  allowedVfolderHosts: AllowedFolderHosts,
  allowedDockerRegistries: z.array(z.string()),
  integrationId: z.string().nullable(),
  isPurged: z.boolean(),
  createdAtMs: Instant,
  modifiedAtMs: Instant,
  ...Place,
});
export type DomainRow = Readonly<z.infer<typeof DomainRow>>;

export const ProjectRow = z.object({
  id: z.string(),
  name: z.string(),
  domain: z.string(),
  projectType: ProjectType,
  description: z.string(),
  isActive: z.boolean(),
  totalResourceSlots: Slots,
  allowedVfolderHosts: AllowedFolderHosts,
  integrationId: z.string(),
  resourcePolicy: z.string(),
  containerRegistry: z.object({ registry: z.string(), project: z.string() }).nullable(),
  isPurged: z.boolean(),
  createdAtMs: Instant,
  modifiedAtMs: Instant,
  ...Place,
});
export type ProjectRow = Readonly<z.infer<typeof ProjectRow>>;

export const PolicyRow = z.object({
  id: z.string(),
  kind: PolicyKind,
  name: z.string(),
  policy: ResourcePolicy,
  isDeleted: z.boolean(),
  createdAtMs: Instant,
  ...Place,
});
export type PolicyRow = Readonly<z.infer<typeof PolicyRow>>;

export const PresetRow = z.object({
  id: z.string(),
  name: z.string(),
  /** Null: it is offered in all. */
  resourceGroup: z.string().nullable(),
  slots: Slots,
  sharedMemoryBytes: z.int().nullable(),
  isDeleted: z.boolean(),
  createdAtMs: Instant,
  ...Place,
});
export type PresetRow = Readonly<z.infer<typeof PresetRow>>;

export const RegistryRow = z.object({
  id: z.string(),
  name: z.string(),
  url: z.string(),
  project: z.string().nullable(),
  username: z.string().nullable(),
  /** Opens with the gateway's master key, for this registry only. */
  sealedPassword: z.string().nullable(),
  isDeleted: z.boolean(),
  createdAtMs: Instant,
  ...Place,
});
export type RegistryRow = Readonly<z.infer<typeof RegistryRow>>;

export const ResourceGroupRow = z.object({
  name: z.string(),
  /** Null: it was removed, and the default holds. */
  policy: GroupPolicy.nullable(),
  setAtMs: Instant,
  sequence: z.int(),
});
export type ResourceGroupRow = Readonly<z.infer<typeof ResourceGroupRow>>;

export const LimitsRow = z.object({
  /** `scope:key`. */
  id: z.string(),
  scope: LimitScope,
  key: z.string(),
  /** Null: they were taken away. */
  limits: OwnerLimits.nullable(),
  setAtMs: Instant,
  sequence: z.int(),
});
export type LimitsRow = Readonly<z.infer<typeof LimitsRow>>;

/** One commit of the log. */
export const AuditRow = z.object({
  sequence: z.int(),
  commitId: z.string(),
  aggregate: z.string(),
  aggregateId: z.string(),
  firstRevision: z.int(),
  schemaVersion: z.int(),
  recordedAtMs: Instant,
  actorKind: z.string(),
  actorId: z.string(),
  commandId: z.string(),
  commandType: z.string(),
  traceparent: z.string().nullable(),
  hash: z.string(),
  previousHash: z.string(),
  events: z.array(z.looseObject({ type: z.string() })),
});
export type AuditRow = Readonly<z.infer<typeof AuditRow>>;
