/** What the gateway answers: the types of the gateway's schema, as they arrive. */

/** An instant in ISO 8601 with milliseconds, in UTC. */
export type DateTime = string;
/** Amounts by slot name as decimal text: `cpu` in cores, `mem` in bytes. */
export type Slots = Readonly<Record<string, string>>;
export type Json = unknown;

export type SessionType = 'INTERACTIVE' | 'BATCH';
/** In the order of a life that meets with no trouble; the ways to end come last. */
export const SESSION_STATUSES = [
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
] as const;
export type SessionStatus = (typeof SESSION_STATUSES)[number];
export type KernelStatus = SessionStatus | 'PULLING';
/** All kernels on one agent, or each where there is room for it. */
export type ClusterMode = 'SINGLE_NODE' | 'MULTI_NODE';
export type SessionResult = 'UNDEFINED' | 'SUCCESS' | 'FAILURE';
export type AgentStatus = 'ALIVE' | 'LOST' | 'TERMINATED';
export type TerminateMode = 'GRACEFUL' | 'FORCE';

export interface User {
  readonly id: string;
  readonly email: string;
  readonly username: string;
  readonly role: string;
  readonly domain: string;
  readonly projectId: string;
}

export interface PullProgress {
  readonly layersDone: number;
  readonly layersTotal: number;
  readonly bytesDone: number;
  readonly bytesTotal: number | null;
}

export interface Kernel {
  readonly id: string;
  readonly role: string;
  readonly index: number;
  readonly hostname: string;
  readonly status: KernelStatus;
  readonly image: string;
  readonly agentId: string | null;
  readonly containerId: string | null;
  readonly requestedSlots: Slots;
  readonly occupiedSlots: Slots;
  readonly devices: readonly HeldDevice[];
  /** Null: its image is not being pulled. */
  readonly pullProgress: PullProgress | null;
  readonly exitCode: number | null;
  readonly wasOutOfMemory: boolean;
  readonly statusInfo: string | null;
  readonly startedAt: DateTime | null;
  readonly terminatedAt: DateTime | null;
}

export interface Session {
  readonly id: string;
  readonly name: string;
  readonly type: SessionType;
  readonly status: SessionStatus;
  /** A stable word, such as `user-requested` or `out-of-memory`. */
  readonly statusInfo: string | null;
  /** The same for people. */
  readonly statusMessage: string | null;
  readonly result: SessionResult;
  readonly exitCode: number | null;
  readonly image: string;
  readonly command: readonly string[] | null;
  readonly owner: User;
  readonly accessKey: string | null;
  readonly projectId: string;
  readonly domain: string;
  readonly resourceGroup: string;
  readonly priority: number;
  readonly tag: string | null;
  readonly environ: Json;
  readonly clusterMode: ClusterMode;
  /** Number of its kernels. */
  readonly clusterSize: number;
  readonly requestedSlots: Slots;
  readonly occupiedSlots: Slots;
  readonly kernels: readonly Kernel[];
  readonly statusHistory: Readonly<Record<string, DateTime>>;
  readonly createdAt: DateTime;
  readonly startedAt: DateTime | null;
  readonly terminatedAt: DateTime | null;
  /** Number of events so far. */
  readonly revision: number;
}

/** What a kernel holds of one accelerator. */
export interface HeldDevice {
  readonly id: string;
  readonly slot: string;
  readonly amount: string;
  readonly model: string;
  readonly memoryBytes: number;
}

/** An accelerator of an agent and who holds it. */
export interface AgentDevice extends HeldDevice {
  readonly used: string;
  readonly numaNode: number | null;
  readonly isolation: 'EXCLUSIVE' | 'MIG' | 'MPS' | 'TIME_SHARING' | 'PRETENDED';
  readonly holders: readonly {
    readonly sessionId: string;
    readonly sessionName: string;
    readonly kernelId: string;
    readonly amount: string;
  }[];
}

export interface AgentDevices {
  readonly id: string;
  readonly devices: readonly AgentDevice[];
}

export interface AgentTrouble {
  readonly code: 'ENGINE_SILENT' | 'DISK_SHORT' | 'MEMORY_SHORT' | 'KERNEL_WILL_NOT_END';
  readonly message: string;
  readonly since: DateTime;
  readonly kernelId: string | null;
}

export interface Agent {
  readonly id: string;
  readonly status: AgentStatus;
  readonly isSchedulable: boolean;
  readonly troubles: readonly AgentTrouble[];
  readonly driver: string;
  readonly architecture: string;
  readonly resourceGroup: string;
  readonly version: string;
  readonly availableSlots: Slots;
  readonly occupiedSlots: Slots;
  readonly liveKernels: number;
  readonly registeredAt: DateTime;
  readonly lostAt: DateTime | null;
}

export interface Image {
  readonly id: string;
  readonly reference: string;
  readonly registry: string;
  readonly aliases: readonly string[];
  readonly architectures: readonly string[];
  readonly sizeBytes: number | null;
  readonly agentIds: readonly string[];
  readonly labels: Json;
  readonly registeredAt: DateTime;
  readonly isDefault: boolean;
}

export interface Page<Node> {
  readonly edges: readonly { readonly cursor: string; readonly node: Node }[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
  readonly totalCount: number;
}

export interface SessionEvent {
  readonly sessionId: string;
  /** From 1, without gaps. */
  readonly revision: number;
  readonly type: string;
  readonly recordedAt: DateTime;
  /** Set when this event changed the session's status. */
  readonly status: SessionStatus | null;
  readonly kernelId: string | null;
  readonly kernelStatus: KernelStatus | null;
  readonly details: Json;
}

export interface SessionChange {
  readonly cursor: string;
  readonly session: Session;
}

/** A piece of a kernel's log. `offset` counts the bytes up to and including this piece. */
export interface LogChunk {
  readonly offset: number;
  readonly source: string;
  readonly data: Uint8Array;
  /** The container has ended and this was all. */
  readonly isLast: boolean;
}

export interface SessionFilter {
  readonly statuses?: readonly SessionStatus[] | undefined;
  readonly types?: readonly SessionType[] | undefined;
  readonly isLive?: boolean | undefined;
  readonly name?: string | undefined;
  readonly nameContains?: string | undefined;
  readonly ownerId?: string | undefined;
  readonly projectId?: string | undefined;
}

/** Either `ids`, at most 1,000, or a filter. */
export interface TerminateSessionsInput {
  readonly ids?: readonly string[] | undefined;
  readonly filter?: SessionFilter | undefined;
  readonly mode: TerminateMode;
}

export interface TerminatedSessions {
  /** Those that are ending now, or had ended. */
  readonly sessionIds: readonly string[];
  readonly refused: readonly {
    readonly sessionId: string;
    readonly rejection: { readonly code: string; readonly message: string };
  }[];
  /** Whether the filter takes more than one call ends. */
  readonly hasMore: boolean;
}

export interface SessionOrder {
  readonly field: 'CREATED_AT' | 'NAME' | 'STATUS' | 'TERMINATED_AT';
  readonly direction: 'ASC' | 'DESC';
}

export interface CreateSessionInput {
  readonly name?: string | undefined;
  readonly type?: SessionType | undefined;
  readonly image?: string | undefined;
  readonly command?: readonly string[] | undefined;
  readonly cpu?: string | undefined;
  /** Memory such as `512m` or `1g`. */
  readonly memory?: string | undefined;
  readonly slots?: Slots | undefined;
  /** Size of `/dev/shm`, a part of the memory. */
  readonly sharedMemory?: string | undefined;
  readonly clusterSize?: number | undefined;
  readonly clusterMode?: ClusterMode | undefined;
  readonly environ?: Readonly<Record<string, string>> | undefined;
  readonly resourceGroup?: string | undefined;
  readonly projectId?: string | undefined;
  readonly domain?: string | undefined;
  readonly priority?: number | undefined;
  readonly tag?: string | undefined;
  readonly architecture?: string | undefined;
  readonly batchTimeoutSeconds?: number | undefined;
  readonly startsAt?: DateTime | undefined;
  /** Ids of sessions that have to end well before. */
  readonly dependsOn?: readonly string[] | undefined;
  readonly designatedAgents?: readonly string[] | undefined;
  /** Default true. */
  readonly isDesignationStrict?: boolean | undefined;
  readonly placementGroup?:
    | { readonly name: string; readonly direction: 'SPREAD' | 'PACK'; readonly isStrict?: boolean }
    | undefined;
  readonly jobPriority?: number | undefined;
  readonly isPreemptible?: boolean | undefined;
  /** 0: no limit. */
  readonly maxRetryCount?: number | undefined;
  readonly allowFractionalResourceFragmentation?: boolean | undefined;
  /** Ports of programs of one's own, which are then apps. */
  readonly preopenPorts?: readonly number[] | undefined;
  /** Chosen by the client when absent, so that a call made again creates nothing twice. */
  readonly idempotencyKey?: string | undefined;
}

export interface ExecTicket {
  readonly url: string;
  readonly expiresAt: DateTime;
}

export interface SignIn {
  readonly token: string;
  readonly expiresAt: DateTime;
  readonly user: User;
}

/** What one kernel held. */
export interface Allocation {
  readonly agentId: string;
  readonly sessionId: string;
  readonly kernelId: string;
  readonly attempt: number;
  readonly slots: Slots;
}

export interface ClusterMoment {
  readonly time: DateTime;
  readonly sequence: number;
  readonly sessionsByStatus: Readonly<Record<string, number>>;
  readonly agents: readonly Pick<
    Agent,
    | 'id'
    | 'status'
    | 'isSchedulable'
    | 'driver'
    | 'architecture'
    | 'resourceGroup'
    | 'version'
    | 'availableSlots'
    | 'occupiedSlots'
  >[];
  readonly allocations: readonly Allocation[];
}

/** A command that failed whenever it was tried. */
export interface SetAsideCommand {
  readonly id: string;
  readonly entity: string;
  readonly entityId: string;
  readonly commandType: string;
  readonly commandId: string;
  /** Such as `user:ID`. */
  readonly actor: string;
  readonly traceId: string | null;
  readonly error: string;
  readonly tries: number;
  readonly sentAt: DateTime;
  readonly setAsideAt: DateTime;
}

export interface ProjectionReport {
  readonly sequence: number;
  readonly events: number;
  readonly isEqual: boolean;
  readonly differences: readonly {
    readonly table: string;
    readonly missing: number;
    readonly unexpected: number;
    readonly changed: number;
  }[];
  readonly durationMs: number;
}

export interface ClusterStatus {
  readonly version: string;
  readonly sessionsByStatus: Readonly<Record<string, number>>;
  readonly agentsByStatus: Readonly<Record<string, number>>;
  readonly availableSlots: Slots;
  readonly occupiedSlots: Slots;
  /** Sequence of the log's newest commit, and of the newest one that the projections hold. */
  readonly logSequence: number;
  readonly projectedSequence: number;
  readonly startedAt: DateTime;
}

/** Statuses from which a session never leaves. */
const FINAL_STATUSES: ReadonlySet<SessionStatus> = new Set(['TERMINATED', 'CANCELLED', 'ERROR']);

export function isOver(session: Pick<Session, 'status'>): boolean {
  return FINAL_STATUSES.has(session.status);
}
