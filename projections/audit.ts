import type { RecordedCommit } from '@orrery/bus';
import { instantMs } from './moment.ts';
import type { AuditRow } from './rows.ts';

/** The row of one commit. */
export function auditOf(commit: RecordedCommit): AuditRow {
  return {
    sequence: commit.sequence,
    commitId: commit.id,
    aggregate: commit.aggregate,
    aggregateId: commit.aggregateId,
    firstRevision: commit.firstRevision,
    schemaVersion: commit.schemaVersion,
    recordedAtMs: instantMs(commit.recordedAtMs),
    actorKind: commit.actor.kind,
    actorId: commit.actor.id,
    commandId: commit.commandId,
    commandType: commit.commandType,
    traceparent: commit.traceparent ?? null,
    hash: commit.hash,
    previousHash: commit.previousHash,
    events: [...commit.events],
  };
}
