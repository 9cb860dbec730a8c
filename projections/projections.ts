import type {
  HeldDevice,
  Rejection,
  Result,
  SessionStatus,
  SessionType,
  Slots,
  Witness,
} from '@orrery/bus';
import type { ClusterMoment } from './cluster-fold.ts';
import type { DirectoryProjections } from './directory-projections.ts';
import type { HeldTimeRequest, HeldTimeRow } from './queries/held-time.ts';
import type { Held, Owner } from './queries/limits.ts';
import type { QuotaListing, QuotaRow } from './queries/quotas.ts';
import type { GroupRules, ListedGroup, NodeRoom } from './queries/resource-groups.ts';
import type { SeriesPoint, SeriesRange } from './queries/statistics.ts';
import type {
  AuditRow,
  ImageRow,
  KernelRow,
  KernelSeen,
  KeypairRow,
  LimitsRow,
  NodeRow,
  PresetRow,
  QueueRow,
  RegistryRow,
  SessionRow,
  UserRow,
} from './rows.ts';
import type { Visibility } from './visibility.ts';

export interface PageRequest {
  /** 1 to `PAGE_ROWS_MAX`. */
  readonly first: number;
  /** A cursor of an earlier page in the same order. */
  readonly after?: string | undefined;
}

export interface Page<Row> {
  readonly edges: readonly { readonly cursor: string; readonly row: Row }[];
  /** Rows that the filter takes, on all pages. */
  readonly totalCount: number;
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

/** Refused: `page-size-invalid` (field `first`) or `cursor-invalid` (field `after`). */
export type Paged<Row> = Promise<Result<Page<Row>, Rejection>>;

export interface SessionFilter {
  readonly statuses?: readonly SessionStatus[] | undefined;
  readonly sessionTypes?: readonly SessionType[] | undefined;
  /** Only sessions that are not over, or only those that are. */
  readonly isLive?: boolean | undefined;
  readonly name?: string | undefined;
  /** Anywhere in the name, in upper or lower case. */
  readonly nameContains?: string | undefined;
  readonly ownerUserId?: string | undefined;
  readonly projectId?: string | undefined;
}

export interface SessionOrder {
  readonly field: 'created-at' | 'name' | 'status' | 'terminated-at';
  readonly direction: 'ascending' | 'descending';
}

export interface SessionListing extends PageRequest {
  readonly visibility: Visibility;
  readonly filter?: SessionFilter | undefined;
  /** Newest first unless said otherwise. Sessions that have not ended count as ending last. */
  readonly order?: SessionOrder | undefined;
}

/** A node with what the scheduler has given away on it and how many kernels on it are not over. */
/** A kernel that holds accelerators of an agent. */
export interface DeviceHolder {
  readonly agentId: string;
  readonly kernelId: string;
  readonly sessionId: string;
  readonly sessionName: string;
  /** Whether the one who asks may see that session. */
  readonly isVisible: boolean;
  readonly devices: readonly HeldDevice[];
}

export type AgentRow = NodeRow & { readonly occupiedSlots: Slots; readonly liveKernels: number };

export interface AuditListing extends PageRequest {
  readonly visibility: Visibility;
  readonly aggregate?: string | undefined;
  readonly aggregateId?: string | undefined;
}

/** A part of the log, of one aggregate or of all. */
export interface AuditRange {
  readonly afterSequence: number;
  readonly upToSequence: number;
  readonly aggregate?: string | undefined;
  readonly aggregateId?: string | undefined;
}

export interface ClusterTotals {
  readonly sessionsByStatus: Readonly<Record<string, number>>;
  readonly agentsByStatus: Readonly<Record<string, number>>;
  /** Of nodes that are alive. */
  readonly availableSlots: Slots;
  readonly occupiedSlots: Slots;
  readonly projectedSequence: number;
}

export interface SessionWithKernels {
  readonly session: SessionRow;
  /** By local rank. */
  readonly kernels: readonly KernelRow[];
}

/** Whose a session is. */
export type SessionOwner = Pick<SessionRow, 'id' | 'ownerUserId' | 'domain' | 'projectId'>;

/** Everything that is read. @throws {ProjectionsUnavailable} when PostgreSQL does not answer. */
export interface Projections extends DirectoryProjections, AsyncDisposable {
  findSession(id: string, visibility: Visibility): Promise<SessionRow | undefined>;
  listSessions(listing: SessionListing): Paged<SessionRow>;
  /** Of the newest that the filter takes, newest first. */
  ownersOfSessions(listing: {
    readonly visibility: Visibility;
    readonly filter: SessionFilter;
    readonly limit: number;
  }): Promise<readonly SessionOwner[]>;
  /** In no order; those that are not there are left out. At most `LOOKUP_IDS_MAX` ids. */
  sessionsByIds(ids: readonly string[], visibility: Visibility): Promise<readonly SessionRow[]>;
  /** By session, then by local rank. At most `LOOKUP_IDS_MAX` ids. */
  kernelsOfSessions(sessionIds: readonly string[]): Promise<readonly KernelSeen[]>;
  /** The session as it was at that time; undefined before it existed. */
  sessionAt(
    id: string,
    timeMs: number,
    visibility: Visibility,
  ): Promise<SessionWithKernels | undefined>;
  /** Commits of a session, oldest first, up to the first that was recorded after `untilMs`. */
  commitsOfSession(id: string, untilMs?: number): Promise<readonly AuditRow[]>;
  /** By name. */
  listNodes(request: PageRequest): Paged<AgentRow>;
  /** Of all whose kernels live there, by agent and session name; at most a page of agents at a time. */
  deviceHolders(
    agentIds: readonly string[],
    visibility: Visibility,
  ): Promise<readonly DeviceHolder[]>;
  /** By reference; forgotten ones are left out. */
  listImages(request: PageRequest): Paged<ImageRow>;
  findImage(reference: string): Promise<ImageRow | undefined>;
  /** Those that are offered: the global ones first, then by group and name. */
  listPresets(request: { readonly limit: number }): Promise<readonly PresetRow[]>;
  /** One that is offered. */
  findPreset(id: string): Promise<PresetRow | undefined>;
  /** By name. */
  listRegistries(request: { readonly limit: number }): Promise<readonly RegistryRow[]>;
  findRegistry(name: string): Promise<RegistryRow | undefined>;
  /** The names that stand for these images, by reference. */
  aliasesOf(references: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
  /** By name; `always` whether or not anybody has spoken of it. */
  listResourceGroups(request: { readonly always: string }): Promise<readonly ListedGroup[]>;
  /** Of the groups that were set up, by name. */
  groupRules(): Promise<readonly GroupRules[]>;
  /** What each node of a group that takes sessions now has, and what of it is given away. */
  roomOfGroup(group: string): Promise<readonly NodeRoom[]>;
  /** Limits that were set and not taken away. */
  findLimits(owner: Owner): Promise<LimitsRow | undefined>;
  /** What an owner holds now in all groups together, and how many of their sessions wait. */
  heldBy(owner: Owner): Promise<Held>;
  /** What each owner of a kind holds now, in each resource group; by key. */
  listQuotas(listing: QuotaListing): Paged<QuotaRow>;
  /** How long which slots were held. Refused: `report-period-invalid`, `report-too-large`. */
  heldTime(request: HeldTimeRequest): Promise<Result<readonly HeldTimeRow[], Rejection>>;
  /** Names of slots that some node has or had, and those that every node has; in order. */
  knownSlots(): Promise<readonly string[]>;
  /** The place in the queue of a session that waits, and why it does. */
  findWaiting(sessionId: string): Promise<QueueRow | undefined>;
  findUser(id: string): Promise<UserRow | undefined>;
  /** In upper or lower case. */
  findUserByEmail(email: string): Promise<UserRow | undefined>;
  /** Those who sign in with the key of that fingerprint. */
  usersOfSshKey(fingerprint: string): Promise<readonly UserRow[]>;
  usersByIds(ids: readonly string[]): Promise<readonly UserRow[]>;
  findKeypair(accessKey: string): Promise<KeypairRow | undefined>;
  /** Oldest first. A user sees the commits of their own sessions. */
  auditEntries(listing: AuditListing): Paged<AuditRow>;
  /** What the tables remember of each commit of a part of the log, in order, in pages. */
  witnesses(range: AuditRange): AsyncIterable<readonly Witness[]>;
  /** What was measured in the past. Refused: `statistics-range-invalid` with the field. */
  statisticsSeries(range: SeriesRange): Promise<Result<readonly SeriesPoint[], Rejection>>;
  clusterStatus(visibility: Visibility): Promise<ClusterTotals>;
  /** The cluster as it was at that time, folded from all that was recorded until then. */
  clusterAt(timeMs: number, visibility: Visibility): Promise<ClusterMoment>;
  /** Sequence of the newest commit that the tables hold. */
  checkpoint(): Promise<number>;
}
