import type { ArchivedSegment, ArchiveState } from '../../client/audit-model.ts';
import type { CommandContext, GlobalOptions } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { type Column, cardLines, tableLines } from '../table.ts';
import { wordInstant } from '../wording.ts';
import { verificationLines } from './audit-verify.ts';

export interface ArchiveListOptions extends GlobalOptions {
  readonly limit: number;
  readonly before?: number;
}

/** JSON: the state of the archive with its newest segments. */
export async function listArchive(
  context: CommandContext,
  { limit, before }: ArchiveListOptions,
): Promise<undefined> {
  const { output, signal } = context;
  const client = await context.client();
  const archive = await client.archive({ last: limit, before }, signal);
  await output.result(archive, () => lines(archive, output.width));
}

/** JSON: the run that was asked for. */
export async function runArchive(context: CommandContext): Promise<undefined> {
  const client = await context.client();
  const run = await client.runArchive(context.signal);
  await context.output.result(run, () => [`Run ${run.run} is asked for.`]);
}

/** JSON: the report. An archive that is not as it was written is a failure. */
export async function verifyArchive(context: CommandContext): Promise<number> {
  const { output, signal } = context;
  const client = await context.client();
  const report = await client.verifyArchive(signal);
  await output.result(report, () => verificationLines(report, output.width));
  return report.isWhole ? exitCodes.ok : exitCodes.failed;
}

function lines(archive: ArchiveState, width: number): readonly string[] {
  const { isConfigured, segmentCount, run, segments } = archive;
  return [
    ...cardLines([
      ['Configured', isConfigured ? 'yes' : 'no'],
      ['Segments', String(segmentCount)],
      ['Last run', run === null ? 'none' : wordRun(run)],
    ]),
    ...(segments.length === 0
      ? []
      : ['', ...tableLines(segments, columns, { width, overflow: 'keep' })]),
  ];
}

function wordRun({
  run,
  finishedAt,
  commits,
  aggregates,
}: NonNullable<ArchiveState['run']>): string {
  if (finishedAt === null) return `${run}, not over yet`;
  return `${run}, ${wordInstant(finishedAt)}: ${commits} commits of ${aggregates} aggregates`;
}

const columns: readonly Column<ArchivedSegment>[] = [
  { title: 'SEGMENT', cell: ({ name }) => name },
  { title: 'COMMITS', cell: ({ commits }) => String(commits), side: 'right' },
  { title: 'AGGREGATES', cell: ({ aggregates }) => String(aggregates), side: 'right', rank: 3 },
  {
    title: 'SEQUENCES',
    cell: ({ firstSequence, lastSequence }) => `${firstSequence}-${lastSequence}`,
  },
  { title: 'ARCHIVED', cell: ({ archivedAt }) => wordInstant(archivedAt), rank: 1 },
  { title: 'BYTES', cell: ({ contentBytes }) => String(contentBytes), side: 'right', rank: 2 },
  { title: 'IN STREAM', cell: ({ isPurged }) => (isPurged ? 'no' : 'yes') },
];
