import type { DateTime, Slots } from './model.ts';
import type { ForecastScore } from './session-why.ts';

export const SCHEDULING_ORDERS = ['FIFO', 'LIFO', 'DRF', 'FAIR_SHARE'] as const;
export const AGENT_SELECTION_STRATEGIES = [
  'DISPERSED',
  'CONCENTRATED',
  'ROUND_ROBIN',
  'MINIMUM_OCCUPIED',
  'WEIGHTED',
] as const;
export const SCHEDULED_SESSION_TYPES = ['INTERACTIVE', 'BATCH', 'INFERENCE', 'SYSTEM'] as const;
export const RESERVATIONS = ['NONE', 'FIRST_BLOCKED'] as const;
export const PREEMPTION_ORDERS = [
  'OLDEST',
  'NEWEST',
  'FEWEST_SESSIONS',
  'SMALLEST_RESOURCES',
] as const;
export const PREEMPTION_MODES = ['TERMINATE', 'RESCHEDULE'] as const;
export const PREEMPTION_SCOPES = ['USER', 'PROJECT', 'DOMAIN', 'RESOURCE_GROUP'] as const;
export const AGENT_SELECTION_POLICIES = ['STRICT', 'PREFERRED'] as const;
export const CLUSTER_MODES = ['SINGLE_NODE', 'MULTI_NODE'] as const;
export const LIMIT_SCOPES = ['KEYPAIR', 'USER', 'PROJECT', 'DOMAIN'] as const;

/** A bundle of slots with a name. */
export interface ResourcePreset {
  readonly id: string;
  readonly name: string;
  /** Null: it is offered in all. */
  readonly resourceGroup: string | null;
  readonly slots: Slots;
  readonly sharedMemoryBytes: number | null;
  readonly createdAt: DateTime;
}

export interface PresetInput {
  readonly name: string;
  readonly resourceGroup?: string | undefined;
  /** `mem` also as `512m` or `1.5g`. */
  readonly slots?: Slots | undefined;
  /** Such as `64m`. */
  readonly sharedMemory?: string | undefined;
}

interface Preemption {
  readonly isEnabled: boolean;
  readonly order: (typeof PREEMPTION_ORDERS)[number];
  readonly mode: (typeof PREEMPTION_MODES)[number];
  readonly runtimeMinSeconds: number;
  readonly victimScope: (typeof PREEMPTION_SCOPES)[number];
}

interface FairShare {
  readonly halfLifeDays: number;
  readonly decayUnitDays: number;
  readonly lookbackDays: number;
  readonly defaultWeight: number;
  readonly resourceWeights: Readonly<Record<string, number>>;
  readonly domainWeights: Readonly<Record<string, number>>;
  readonly projectWeights: Readonly<Record<string, number>>;
  readonly userWeights: Readonly<Record<string, number>>;
}

/** What a session has that does not say otherwise when it is made. */
interface DefaultSessionOptions {
  readonly priority: number;
  readonly jobPriority: number;
  readonly isPreemptible: boolean;
  readonly clusterMode: (typeof CLUSTER_MODES)[number];
  readonly agentSelectionPolicy: (typeof AGENT_SELECTION_POLICIES)[number];
  /** 0: no limit. */
  readonly maxRetryCount: number;
  readonly allowFractionalResourceFragmentation: boolean;
}

interface Access {
  readonly domains: readonly string[];
  readonly projects: readonly string[];
  readonly accessKeys: readonly string[];
}

interface GroupOptions {
  readonly scheduler: (typeof SCHEDULING_ORDERS)[number];
  readonly agentSelectionStrategy: (typeof AGENT_SELECTION_STRATEGIES)[number];
  readonly allowedSessionTypes: readonly (typeof SCHEDULED_SESSION_TYPES)[number][];
  readonly isPublic: boolean;
  /** Whether sessions start there. */
  readonly isActive: boolean;
  /** Whether kernels of a session are in the network of their machines. */
  readonly usesHostNetwork: boolean;
  /** 0: for ever. */
  readonly pendingTimeoutSeconds: number;
  readonly reservation: (typeof RESERVATIONS)[number];
}

export interface ResourceGroup extends GroupOptions {
  readonly name: string;
  readonly description: string | null;
  readonly isDefault: boolean;
  /** Null for a public one, and for those who may not see it. */
  readonly access: Access | null;
  readonly weights: Readonly<Record<string, number>> | null;
  readonly preemption: Preemption;
  readonly fairShare: FairShare;
  /** On each agent at the same time; null: no limit. */
  readonly maxContainersPerAgent: number | null;
  readonly defaultSessionOptions: DefaultSessionOptions;
  readonly agents: number;
  readonly schedulableAgents: number;
  readonly pendingSessions: number;
  readonly availableSlots: Slots;
  readonly occupiedSlots: Slots;
  /** Null: all options are the defaults. */
  readonly setAt: DateTime | null;
}

/** One that was asked for by its name. */
export interface FoundResourceGroup extends ResourceGroup {
  /** Null when no forecast has come out yet. */
  readonly forecastScore: ForecastScore | null;
}

type Optional<Type> = { readonly [Key in keyof Type]?: Type[Key] | undefined };

/** What is left out stays as it is. */
export interface ResourceGroupInput extends Optional<GroupOptions> {
  readonly name: string;
  readonly description?: string | undefined;
  readonly access?: Optional<Access> | undefined;
  readonly weights?: Readonly<Record<string, number>> | undefined;
  readonly preemption?: Optional<Preemption> | undefined;
  readonly fairShare?: Optional<FairShare> | undefined;
  readonly isDefault?: boolean | undefined;
  /** 0: no limit. */
  readonly maxContainersPerAgent?: number | undefined;
  readonly defaultSessionOptions?: Optional<DefaultSessionOptions> | undefined;
}

/** Whose limits: an access key, the id of a user or a project, or the name of a domain. */
export interface LimitsOwner {
  readonly scope: (typeof LIMIT_SCOPES)[number];
  readonly key: string;
}

interface LimitAmounts {
  readonly totalResourceSlots: Slots | null;
  /** Of slots that are not named there. */
  readonly defaultForUnspecified: 'UNLIMITED' | 'LIMITED';
  readonly maxConcurrentSessions: number | null;
  readonly maxConcurrentSftpSessions: number | null;
  readonly maxPendingSessionCount: number | null;
  readonly maxPendingSessionResourceSlots: Slots | null;
  readonly maxContainersPerSession: number | null;
  readonly maxPriority: number | null;
  readonly maxSessionLifetimeSeconds: number | null;
  /** Names of those of these that the owner itself or its resource policy says. */
  readonly setByOwner: readonly string[];
}

/** What an owner may hold and holds now; null is unlimited. */
export interface OwnerLimits extends LimitsOwner, LimitAmounts {
  readonly usedSlots: Slots;
  readonly remainingSlots: Slots;
  readonly sessions: number;
  readonly sftpSessions: number;
  readonly pendingSessions: number;
  readonly setAt: DateTime | null;
}

/** All at once: what is left out is unlimited. */
export type LimitsInput = LimitsOwner & Optional<LimitAmounts>;

export interface PresetCheck {
  readonly resourceGroup: ResourceGroup;
  readonly presets: readonly {
    readonly preset: ResourcePreset;
    readonly isAllocatable: boolean;
    /** The check that it would not pass. */
    readonly obstacle: string | null;
  }[];
  /** The caller's own. */
  readonly limits: readonly OwnerLimits[];
}

interface WaitTimes {
  readonly count: number;
  readonly p50Seconds: number;
  readonly p95Seconds: number;
}

/** What becomes of a load under one policy. */
export interface ReplayColumn {
  readonly name: string;
  /** The group's own policy, as it was. */
  readonly isOwn: boolean;
  readonly placed: number;
  /** Who waits at the end; counted among the waits with the time until then. */
  readonly waiting: number;
  readonly wait: WaitTimes;
  /** Those with most sessions first. */
  readonly waitByUser: readonly (WaitTimes & { readonly user: string })[];
  readonly usersLeftOut: number;
  /** By kernels of a session. */
  readonly waitBySize: readonly (WaitTimes & { readonly kernels: string })[];
  /** By slot name, from 0 to 1. */
  readonly utilisation: Readonly<Record<string, number>>;
  /** Jain's index: 1 is even. */
  readonly fairness: number;
  readonly preemptions: number;
  readonly spanSeconds: number;
  readonly assumedRuns: number;
}

export interface ScheduleReplay {
  readonly resourceGroup: string;
  readonly from: DateTime;
  readonly to: DateTime;
  /** Null for a workload. */
  readonly recordedPlacements: number | null;
  readonly samePlacements: number | null;
  readonly skippedJobs: number;
  readonly columns: readonly ReplayColumn[];
}

/** Either a period, or a workload. The gateway checks the policies: changes of a group's options, by `name`. */
export interface ScheduleReplayInput {
  readonly resourceGroup?: string | undefined;
  readonly from?: DateTime | undefined;
  readonly to?: DateTime | undefined;
  readonly policies?: readonly Readonly<Record<string, unknown>>[] | undefined;
  readonly workload?:
    | { readonly trace: string; readonly nodes: number; readonly slots: Slots }
    | undefined;
}

export interface FairShareOwner {
  readonly kind: 'DOMAIN' | 'PROJECT' | 'USER';
  readonly owner: string;
  /** From 1, among those of its kind. */
  readonly rank: number;
  readonly factor: number;
  readonly weight: number;
  readonly usedSlotSeconds: Readonly<Record<string, number>>;
  readonly countedSlotSeconds: Readonly<Record<string, number>>;
}

/** Who used how much of a resource group, and how they stand. */
export interface FairShareStanding {
  readonly resourceGroup: string;
  readonly at: DateTime;
  readonly isInForce: boolean;
  readonly halfLifeDays: number;
  readonly decayUnitDays: number;
  readonly lookbackDays: number;
  readonly owners: readonly FairShareOwner[];
  readonly ownersLeftOut: number;
}
