import type { ProjectionReport } from '../../client/model.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { tableLines } from '../table.ts';

export async function rebuildProjections(context: CommandContext): Promise<number> {
  const client = await context.client();
  return tell(context, await client.rebuildProjections(context.signal));
}

export async function verifyProjections(context: CommandContext): Promise<number> {
  const client = await context.client();
  return tell(context, await client.verifyProjections(context.signal));
}

/** JSON: the report. Rows that differ are a failure, whatever was done about them. */
async function tell({ output }: CommandContext, report: ProjectionReport): Promise<number> {
  await output.result(report, () => lines(report, output.width));
  return report.isEqual ? exitCodes.ok : exitCodes.failed;
}

function lines(report: ProjectionReport, width: number): readonly string[] {
  const seconds = (report.durationMs / 1000).toFixed(1);
  const compared = `${report.events} events up to ${report.sequence}, in ${seconds} s`;
  if (report.isEqual) return [`Equal: ${compared}.`];
  const differing = report.differences.filter(
    ({ missing, unexpected, changed }) => missing + unexpected + changed > 0,
  );
  return [
    `Different: ${compared}.`,
    ...tableLines(
      differing,
      [
        { title: 'TABLE', cell: ({ table }) => table },
        { title: 'MISSING', cell: ({ missing }) => String(missing), side: 'right' },
        { title: 'UNEXPECTED', cell: ({ unexpected }) => String(unexpected), side: 'right' },
        { title: 'CHANGED', cell: ({ changed }) => String(changed), side: 'right' },
      ],
      { width, overflow: 'keep' },
    ),
  ];
}
