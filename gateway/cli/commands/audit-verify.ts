import type { AuditFault, AuditVerification } from '../../client/audit-model.ts';
import type { CommandContext, GlobalOptions } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { tableLines } from '../table.ts';
import { instantOf } from '../wording.ts';
import { entityOf } from './audit.ts';

export interface VerifyOptions extends GlobalOptions {
  readonly aggregate?: string;
  readonly since?: string;
}

/** JSON: the report. A log that is not as it was written is a failure. */
export async function verifyAudit(
  context: CommandContext,
  { aggregate, since }: VerifyOptions,
): Promise<number> {
  const { io, output, signal } = context;
  const client = await context.client();
  const report = await client.verifyAudit(
    {
      entity: aggregate === undefined ? undefined : await entityOf(context, aggregate),
      since: since === undefined ? undefined : instantOf(since, io.clock.nowMs()),
    },
    signal,
  );
  await output.result(report, () => verificationLines(report, output.width));
  return report.isWhole ? exitCodes.ok : exitCodes.failed;
}

export function verificationLines(report: AuditVerification, width: number): readonly string[] {
  const { commits, aggregates, lastSequence, faults } = report;
  const seconds = (report.durationMs / 1000).toFixed(1);
  const read = `${commits} commits of ${aggregates} aggregates up to ${lastSequence}, in ${seconds} s`;
  if (report.isWhole) return [`Whole: ${read}.`];
  return [
    `Not as it was written: ${read}.`,
    ...tableLines(
      faults,
      [
        { title: 'FAULT', cell: ({ kind }: AuditFault) => kind },
        { title: 'ENTITY', cell: wordEntity },
        { title: 'REVISION', cell: ({ revision }) => String(revision ?? ''), side: 'right' },
        { title: 'SEQUENCE', cell: ({ sequence }) => String(sequence ?? ''), side: 'right' },
        { title: 'SEGMENT', cell: ({ segment }) => segment ?? '' },
        { title: 'WHAT', cell: ({ message }) => message },
      ],
      { width, overflow: 'keep' },
    ),
    ...(report.hasMoreFaults ? ['There are more.'] : []),
  ];
}

/** Whole, as it is to be looked for. */
function wordEntity({ entity, entityId }: AuditFault): string {
  return entity === null ? '' : `${entity}:${entityId}`;
}
