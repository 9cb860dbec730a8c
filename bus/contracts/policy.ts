import { z } from 'zod';
import { AllowedFolderHosts, SlotLimits } from './directory-values.ts';
import type { OwnerLimits } from './scheduler.ts';

export const POLICY_SCHEMA_VERSION = 1;

/** The policy of who names none; it is always there. */
export const DEFAULT_POLICY = 'default';

export const PolicyKind = z.enum(['keypair', 'user', 'project']);
export type PolicyKind = z.infer<typeof PolicyKind>;

export const PolicyName = z.string().min(1).max(256);

const Count = z.int().min(-1).max(1_000_000_000);
const Bytes = z.int().min(-1);

/** Every field of a keypair resource policy (reference: policies and limits). Times are seconds. */
export const KeypairPolicy = z.object({
  kind: z.literal('keypair'),
  /** Whether a slot that is not named is limited to 0, or not at all. */
  defaultForUnspecified: z.enum(['limited', 'unlimited']),
  totalResourceSlots: SlotLimits,
  /** 0: unlimited. */
  maxSessionLifetime: z.int().min(0),
  /** 0 or less: unlimited. */
  maxConcurrentSessions: Count,
  maxConcurrentSftpSessions: Count,
  maxPendingSessionCount: z.int().min(1).max(1_000_000).nullable(),
  maxPendingSessionResourceSlots: SlotLimits.nullable(),
  maxPriority: z.int().min(0).max(100).nullable(),
  maxContainersPerSession: z.int().min(1).max(1_000_000),
  /** 0: never; negative: as the cluster's checker is set. */
  idleTimeout: z.int(),
  allowedVfolderHosts: AllowedFolderHosts,
});

export const UserPolicy = z.object({
  kind: z.literal('user'),
  /** 0: unlimited. */
  maxVfolderCount: Count,
  /** Bytes; 0 or less: unlimited. */
  maxQuotaScopeSize: Bytes,
  maxSessionCountPerModelSession: Count,
  maxCustomizedImageCount: Count,
  maxConcurrentLogins: z.int().min(1).nullable(),
});

export const ProjectPolicy = z.object({
  kind: z.literal('project'),
  maxVfolderCount: Count,
  maxQuotaScopeSize: Bytes,
  maxNetworkCount: Count,
});

export const ResourcePolicy = z.discriminatedUnion('kind', [
  KeypairPolicy,
  UserPolicy,
  ProjectPolicy,
]);
export type ResourcePolicy = Readonly<z.infer<typeof ResourcePolicy>>;
export type KeypairPolicy = Readonly<z.infer<typeof KeypairPolicy>>;

/** The policies that every cluster begins with (reference: the shipped `default` policies). */
export const BUILT_IN_POLICIES: readonly ResourcePolicy[] = [
  {
    kind: 'keypair',
    defaultForUnspecified: 'unlimited',
    totalResourceSlots: {},
    maxSessionLifetime: 0,
    maxConcurrentSessions: 5,
    maxConcurrentSftpSessions: 1,
    maxPendingSessionCount: null,
    maxPendingSessionResourceSlots: null,
    maxPriority: null,
    maxContainersPerSession: 1,
    idleTimeout: 3600,
    allowedVfolderHosts: {},
  },
  {
    kind: 'user',
    maxVfolderCount: 0,
    maxQuotaScopeSize: -1,
    maxSessionCountPerModelSession: 3,
    maxCustomizedImageCount: 3,
    maxConcurrentLogins: null,
  },
  { kind: 'project', maxVfolderCount: 0, maxQuotaScopeSize: -1, maxNetworkCount: 0 },
];

/** What a key pair with the policy may hold, as the scheduler counts it. */
export function limitsUnder(policy: KeypairPolicy): OwnerLimits {
  const { totalResourceSlots: total, maxPendingSessionResourceSlots: pending } = policy;
  const { maxPendingSessionCount, maxPriority, maxSessionLifetime } = policy;
  return {
    ...(Object.keys(total).length === 0 ? {} : { total }),
    ...(policy.defaultForUnspecified === 'limited' ? { unlistedSlots: 'none' } : {}),
    concurrentSessionsMax: Math.max(0, policy.maxConcurrentSessions),
    concurrentSystemSessionsMax: Math.max(0, policy.maxConcurrentSftpSessions),
    ...(maxPendingSessionCount === null ? {} : { pendingSessionsMax: maxPendingSessionCount }),
    ...(pending === null || Object.keys(pending).length === 0 ? {} : { pendingTotalMax: pending }),
    containersPerSessionMax: policy.maxContainersPerSession,
    ...(maxPriority === null ? {} : { priorityMax: maxPriority }),
    ...(maxSessionLifetime === 0 ? {} : { sessionLifetimeMaxMs: maxSessionLifetime * 1000 }),
  };
}

export const PolicyEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('policy-set'), name: z.string(), policy: ResourcePolicy }),
  z.object({ type: z.literal('policy-deleted') }),
  /** From now on it counts for the access key, user or project. */
  z.object({ type: z.literal('policy-bound'), holder: z.string() }),
  z.object({ type: z.literal('policy-unbound'), holder: z.string() }),
]);
export type PolicyEvent = Readonly<z.infer<typeof PolicyEvent>>;

const PolicyChanges = z.strictObject({
  ...KeypairPolicy.omit({ kind: true }).partial().shape,
  ...UserPolicy.omit({ kind: true }).partial().shape,
  ...ProjectPolicy.omit({ kind: true }).partial().shape,
});

export const PolicyCommand = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('create'), name: PolicyName, policy: ResourcePolicy }),
  /** What is left out stays as it is; what the kind does not have is refused. */
  z.strictObject({ type: z.literal('modify'), changes: PolicyChanges }),
  /** Refused as long as it counts for somebody. */
  z.strictObject({ type: z.literal('delete') }),
  /** Sent by whoever the policy is to count for, or not any more. */
  z.strictObject({ type: z.literal('bind'), holder: z.string().min(1) }),
  z.strictObject({ type: z.literal('unbind'), holder: z.string().min(1) }),
]);
export type PolicyCommand = Readonly<z.infer<typeof PolicyCommand>>;
