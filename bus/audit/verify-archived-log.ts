import type { ArchivedLog } from '../archive/archived-log.ts';
import { verifyArchive } from '../archive/verify-archive.ts';
import type { AggregateName } from '../envelope.ts';
import type { AuditFault } from './fault.ts';
import { type AuditReport, type VerifyOptions, verifyLog } from './verify.ts';

export interface AuditRange {
  readonly aggregate?: AggregateName | undefined;
  readonly aggregateId?: string | undefined;
  /** Default: from the first commit. */
  readonly afterSequence?: number | undefined;
  readonly witness?: VerifyOptions['witness'];
}

/** Verifies the stream and what was archived of it as one log. Changes nothing. */
export async function verifyArchivedLog(log: ArchivedLog, range: AuditRange): Promise<AuditReport> {
  const { aggregate, aggregateId, afterSequence = 0, witness } = range;
  const upToSequence = await log.lastSequence();
  await log.index.refresh();
  const found: AuditFault[] = [];
  const isWhole = aggregate === undefined;
  if (isWhole) found.push(...(await verifyArchive(log.index.segments, log.store)));
  const place = { aggregate, aggregateId, afterSequence, upToSequence };
  return await verifyLog({
    messages: log.auditMessages(place, (fault) => found.push(fault)),
    from: afterSequence === 0 ? 'first-commit' : 'anywhere',
    witness,
    range: isWhole ? { after: afterSequence, upTo: upToSequence } : undefined,
    found,
  });
}

/** Verifies the archive alone: what the log says of it, and every commit that it has. Changes nothing. */
export async function verifySegments(log: ArchivedLog): Promise<AuditReport> {
  await log.index.refresh();
  const found: AuditFault[] = [...(await verifyArchive(log.index.segments, log.store))];
  const messages = log.auditSegments((fault) => found.push(fault));
  return await verifyLog({ messages, from: 'first-commit', found });
}
