import type { DateTime, Json } from './model.ts';

/** One commit of the log: who did what, when, because of which command. */
export interface AuditEntry {
  readonly id: string;
  readonly sequence: number;
  readonly entity: string;
  readonly entityId: string;
  readonly firstRevision: number;
  readonly recordedAt: DateTime;
  readonly actor: string;
  readonly commandId: string;
  readonly commandType: string;
  readonly traceId: string | null;
  readonly hash: string;
  readonly previousHash: string;
  readonly events: readonly Json[];
}

/** Something in the log that is not as it was written, and where. */
export interface AuditFault {
  /** A stable word such as `commit-missing`. */
  readonly kind: string;
  readonly entity: string | null;
  readonly entityId: string | null;
  readonly revision: number | null;
  readonly sequence: number | null;
  /** Name of the archived segment; null: the stream. */
  readonly segment: string | null;
  readonly message: string;
}

export interface AuditVerification {
  readonly isWhole: boolean;
  readonly commits: number;
  readonly aggregates: number;
  readonly lastSequence: number;
  readonly witnessedSequence: number;
  readonly faults: readonly AuditFault[];
  readonly hasMoreFaults: boolean;
  readonly durationMs: number;
}

/** Commits that have left the stream, or will. */
export interface ArchivedSegment {
  /** From 1, without gaps. */
  readonly number: number;
  readonly name: string;
  readonly commits: number;
  readonly aggregates: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly firstRecordedAt: string;
  readonly lastRecordedAt: string;
  readonly contentBytes: number;
  readonly archivedAt: string;
  readonly isPurged: boolean;
}

export interface ArchiveRun {
  readonly run: number;
  readonly requestedAt: string | null;
  readonly finishedAt: string | null;
  readonly segments: number;
  readonly aggregates: number;
  readonly commits: number;
}

export interface ArchiveState {
  readonly isConfigured: boolean;
  readonly segmentCount: number;
  readonly run: ArchiveRun | null;
  /** The newest first. */
  readonly segments: readonly ArchivedSegment[];
}

/** One commit of the log, whole. */
export interface ReplayedCommit {
  readonly sequence: number;
  readonly hash: string;
  readonly recordedAtMs: number;
  readonly aggregate: string;
  readonly aggregateId: string;
  readonly events: readonly Json[];
}
