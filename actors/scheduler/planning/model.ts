import type { Vector } from './vector.ts';

/** Everything a pass looks at. Values only; a pass changes none of it. */
export interface Situation {
  readonly nowMs: number;
  /** Names of slots in the order in which strategies compare them: place `n` of every vector is `slots[n]`. */
  readonly slots: readonly string[];
  readonly nodes: readonly NodeView[];
  /** Who waits, in order of arrival. */
  readonly pending: readonly PendingView[];
  /** Who holds slots. */
  readonly running: readonly RunningView[];
  readonly groups: Readonly<Record<string, GroupPolicy>>;
  readonly limits: Limits;
  /** What owners hold now, all groups together. */
  readonly usage: Usage;
  /** Factors of fair share, 0 to 1, by group and `domain:`, `project:` or `user:` key; who is not there has 0. */
  readonly factors?: ReadonlyMap<string, ReadonlyMap<string, number>> | undefined;
}

export interface NodeView {
  readonly name: string;
  readonly group: string;
  readonly architecture: string;
  /** Alive, not drained and not cordoned. */
  readonly isSchedulable: boolean;
  readonly total: Vector;
  /** Below zero where the node shrank under what it had given. */
  readonly free: Vector;
  readonly containers: number;
  readonly containersMax?: number | undefined;
  /** Larger the later something was placed here; for the round robin. */
  readonly turn: number;
  /**
   * Kernels of one session reach each other on nodes with the same one: those of one engine, of one swarm, or that know
   * of no networks (absent).
   */
  readonly network?: string | undefined;
}

export interface Owner {
  readonly userId: string;
  readonly projectId: string;
  readonly domain: string;
  readonly accessKey: string;
}

export interface PendingView {
  readonly session: string;
  readonly name: string;
  readonly attempt: number;
  readonly queuedAtMs: number;
  /** Bands: all of a higher priority come before all of a lower one. */
  readonly priority: number;
  readonly sessionType: 'interactive' | 'batch' | 'inference' | 'system';
  readonly group: string;
  readonly architecture?: string | undefined;
  /** What it runs; nothing depends on it but how long it is expected to. */
  readonly image?: string | undefined;
  readonly clusterMode: 'single-node' | 'multi-node';
  readonly owner: Owner;
  readonly kernels: readonly { readonly kernel: string; readonly request: Vector }[];
  readonly startsAtMs?: number | undefined;
  readonly dependencies: readonly Dependency[];
  /** Nodes that were named for it: no others (`strict`), or these first (`preferred`). */
  readonly designated?:
    | { readonly nodes: readonly string[]; readonly policy: 'strict' | 'preferred' }
    | undefined;
  /** Nodes where a start of it failed lately: taken last. */
  readonly failedOn: readonly string[];
  readonly placementGroup?: PlacementGroup | undefined;
  readonly jobPriority: number;
  /** Absent: it may be preempted once it runs. */
  readonly isPreemptible?: boolean | undefined;
  /** At most so long from its start, if that is known (batch timeout, session lifetime). */
  readonly runsAtMostMs?: number | undefined;
  /**
   * The same in sessions that are alike in all that a pass looks at but their age and their own particulars
   * (start time, dependencies, failures): what is found out of one is not found out again of the others.
   */
  readonly wish?: object | undefined;
  /** Others were preempted in its favour: it comes first, and has these nodes as soon as they have gone. */
  readonly promised?: Placed['placements'] | undefined;
}

export interface Dependency {
  readonly session: string;
  readonly name: string;
  readonly state: 'waited-for' | 'succeeded' | 'failed';
}

/** Sessions that are to lie apart, or together. */
export interface PlacementGroup {
  readonly name: string;
  readonly direction: 'spread' | 'pack';
  readonly enforcement: 'preferred' | 'strict';
}

export interface RunningView {
  readonly session: string;
  readonly group: string;
  readonly owner: Owner;
  readonly sessionType: PendingView['sessionType'];
  readonly image?: string | undefined;
  /** One for each kernel. */
  readonly placements: readonly { readonly node: string; readonly request: Vector }[];
  readonly startedAtMs: number;
  /** When it ends at the latest, if that is known. */
  readonly endsAtMs?: number | undefined;
  readonly isPreemptible: boolean;
  readonly jobPriority: number;
  readonly placementGroup?: string | undefined;
  /** Preempted or being terminated: what it holds is free soon, and it is nobody's victim again. */
  readonly isEnding?: boolean | undefined;
}

export type Ordering = 'fifo' | 'lifo' | 'drf' | 'fair-share';
export type Strategy =
  | 'dispersed'
  | 'concentrated'
  | 'round-robin'
  | 'minimum-occupied'
  | 'weighted';

export interface GroupPolicy {
  readonly ordering: Ordering;
  readonly strategy: Strategy;
  /** For `weighted`: by slot name, how much a free share of it is worth. */
  readonly weights?: Readonly<Record<string, number>> | undefined;
  readonly allowedSessionTypes: readonly PendingView['sessionType'][];
  /** False: nobody starts there; who runs goes on. Absent: true. */
  readonly isActive?: boolean | undefined;
  /** Who may use the group; absent: everyone. */
  readonly access?:
    | {
        readonly domains: readonly string[];
        readonly projects: readonly string[];
        readonly accessKeys: readonly string[];
      }
    | undefined;
  /** 0: never. */
  readonly pendingTimeoutMs: number;
  /**
   * `first-blocked`: the first session that lacks room gets a reservation, and those behind it run only where
   * they do not delay it. `none`: everyone takes what fits.
   */
  readonly reservation: 'none' | 'first-blocked';
  readonly preemption: Preemption;
  /** Containers on each node at the same time, besides what the node itself says; absent: no limit. */
  readonly containersPerNodeMax?: number | undefined;
}

export interface Preemption {
  readonly isEnabled: boolean;
  readonly order: 'oldest' | 'newest' | 'fewest-sessions' | 'smallest-resources';
  readonly mode: 'terminate' | 'reschedule';
  readonly runtimeMinMs: number;
  readonly victimScope: 'user' | 'project' | 'domain' | 'resource-group';
}

/** Limits by key; what is absent is unlimited. */
export interface Limits {
  readonly keypairs: ReadonlyMap<string, KeypairLimits>;
  /** Total slots; a place that is Infinity is unlimited. */
  readonly users: ReadonlyMap<string, Vector>;
  readonly projects: ReadonlyMap<string, Vector>;
  readonly domains: ReadonlyMap<string, Vector>;
  /** Sessions at the same time; absent: unlimited. Those of key pairs are with their other limits. */
  readonly sessionsMax?: SessionsMax | undefined;
  /** Of those who wait. */
  readonly pending?: Readonly<Record<OwnerKind, ReadonlyMap<string, PendingLimits>>> | undefined;
}

export const OWNER_KINDS = ['keypair', 'user', 'project', 'domain'] as const;
export type OwnerKind = (typeof OWNER_KINDS)[number];

/** Under what the owner is known. */
export function idOf({ accessKey, userId, projectId, domain }: Owner, kind: OwnerKind): string {
  switch (kind) {
    case 'keypair':
      return accessKey;
    case 'user':
      return userId;
    case 'project':
      return projectId;
    case 'domain':
      return domain;
  }
}

/** How many may wait at the same time, and what they may ask for together. */
export interface PendingLimits {
  readonly sessionsMax?: number | undefined;
  readonly totalMax?: Vector | undefined;
}

export type SessionsMax = Readonly<
  Record<'user' | 'project' | 'domain', ReadonlyMap<string, number>>
>;

export interface KeypairLimits {
  readonly total?: Vector | undefined;
  readonly concurrentSessionsMax?: number | undefined;
  readonly concurrentSystemSessionsMax?: number | undefined;
  readonly containersPerSessionMax?: number | undefined;
  readonly priorityMax?: number | undefined;
}

/** What is held, by `keypair:`, `user:`, `project:` and `domain:` key. */
export type Usage = ReadonlyMap<string, Held>;

export interface Held {
  readonly slots: Vector;
  readonly sessions: number;
  readonly systemSessions: number;
}

/** What a pass decides. */
export interface Plan {
  readonly placed: readonly Placed[];
  readonly held: readonly Hold[];
  /** Who will never be placed: ended with that reason. */
  readonly ended: readonly Ending[];
  readonly preempted: readonly Preempted[];
  /** For whom room is made now, and where; a promise that was made before is replaced. */
  readonly promised: readonly Promised[];
  /** Who will not have the room that was made for it, and waits as anyone again. */
  readonly broken: readonly string[];
  /** When time alone may change the answer: later than now. */
  readonly lookAgainAtMs?: number;
}

export interface Placed {
  readonly session: string;
  readonly attempt: number;
  readonly placements: readonly { readonly kernel: string; readonly node: string }[];
}

export interface Hold {
  readonly session: string;
  readonly code: string;
  readonly message: string;
  /** Every check that failed, not only the first. */
  readonly checks: readonly FailedCheck[];
  /** What is lacking where it comes closest, by slot; for a hold by lack of room. */
  readonly missing?: Vector;
  readonly agents?: AgentCounts;
  /** Place in the queue of its group, from 1, in the order in which the pass went through it. */
  readonly place: number;
}

/** How many agents each step left. */
export interface AgentCounts {
  readonly inGroup: number;
  readonly schedulable: number;
  readonly compatible: number;
  readonly largeEnough: number;
}

export interface FailedCheck {
  readonly name: string;
  readonly message: string;
}

export interface Ending {
  readonly session: string;
  readonly reason: 'pending-timeout' | 'dependency-failed';
  readonly message: string;
}

export interface Preempted {
  readonly session: string;
  readonly inFavourOf: string;
  readonly mode: Preemption['mode'];
}

export interface Promised {
  readonly session: string;
  readonly placements: Placed['placements'];
}

/** Reference: defaults of the options of a resource group. */
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
