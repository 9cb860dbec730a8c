import type {
  FairShareOwner,
  FairShareStanding,
  ReplayColumn,
  ScheduleReplay,
  ScheduleReplayInput,
} from '../../client/administration-model.ts';
import type { CommandContext, GlobalOptions } from '../context.ts';
import { UsageWrong } from '../errors.ts';
import { type Column, cardLines, tableLines } from '../table.ts';
import { parseInstant, wordBytes, wordInstant } from '../wording.ts';
import { readPolicyFile } from './policy-file.ts';
import { readTraceFile } from './trace-file.ts';

export interface ScheduleReplayOptions extends GlobalOptions {
  readonly from?: string;
  readonly to?: string;
  readonly group?: string;
  readonly policy?: readonly string[];
  readonly workload?: string;
  readonly nodes?: number;
  readonly nodeSlot?: Readonly<Record<string, string>>;
}

/** JSON: the replay with a column for each policy. */
export async function replaySchedule(
  context: CommandContext,
  options: ScheduleReplayOptions,
): Promise<undefined> {
  const { output, signal } = context;
  const input = inputOf(options, context.io.clock.nowMs());
  const { administration } = await context.client();
  const replay = await administration.scheduleReplay(input, signal);
  await output.result(replay, () => replayLines(replay, output.width));
}

/** JSON: the standing. */
export async function showFairShare(context: CommandContext, group?: string): Promise<undefined> {
  const { output, signal } = context;
  const { administration } = await context.client();
  const standing = await administration.fairShare(group, signal);
  await output.result(standing, () => standingLines(standing, output.width));
}

/** @throws {UsageWrong} */
function inputOf(options: ScheduleReplayOptions, nowMs: number): ScheduleReplayInput {
  const policies = (options.policy ?? []).map(readPolicyFile);
  const { from, to, group, workload, nodes, nodeSlot } = options;
  if (workload === undefined) {
    if (nodes !== undefined || nodeSlot !== undefined)
      throw new UsageWrong('--nodes and --node-slot go with --workload');
    if (from === undefined || to === undefined)
      throw new UsageWrong('say --from and --to, or --workload');
    return {
      resourceGroup: group,
      from: instantOf('--from', from, nowMs),
      to: instantOf('--to', to, nowMs),
      policies,
    };
  }
  if (from !== undefined || to !== undefined || group !== undefined)
    throw new UsageWrong('--workload has its own times; leave --from, --to and --group out');
  if (nodes === undefined || nodeSlot === undefined)
    throw new UsageWrong('say with --nodes and --node-slot cpu=COUNT on what the workload runs');
  return { policies, workload: { trace: readTraceFile(workload), nodes, slots: nodeSlot } };
}

function instantOf(option: string, text: string, nowMs: number): string {
  const instant = parseInstant(text, nowMs);
  if (instant !== undefined) return instant;
  throw new UsageWrong(`${option} is no instant such as 2026-11-20T12:00 or 3h: ${text}`);
}

function replayLines(replay: ScheduleReplay, width: number): readonly string[] {
  const { columns, recordedPlacements: recorded, samePlacements: same, skippedJobs } = replay;
  const slots = [...new Set(columns.flatMap(({ utilisation }) => Object.keys(utilisation)))];
  const lines = [
    measure('placed', ({ placed }) => String(placed)),
    measure('waiting at the end', ({ waiting }) => String(waiting)),
    measure('wait p50', ({ wait }) => wordSeconds(wait.p50Seconds)),
    measure('wait p95', ({ wait }) => wordSeconds(wait.p95Seconds)),
    ...slots.map((slot) =>
      measure(`${slot} in use`, ({ utilisation }) => wordShare(utilisation[slot])),
    ),
    measure('fairness (Jain)', ({ fairness }) => fairness.toFixed(3)),
    measure('preemptions', ({ preemptions }) => String(preemptions)),
    measure('runs guessed', ({ assumedRuns }) => String(assumedRuns)),
  ];
  const bySize = waitLines(columns, ({ waitBySize }) => waitBySize.map(named('kernels')));
  const byUser = waitLines(columns, ({ waitByUser }) => waitByUser.map(named('user')));
  const table = (title: string, rows: readonly Measure[]): readonly string[] => [
    '',
    ...tableLines(rows, measuredColumns(title, columns), { width, overflow: 'keep' }),
  ];
  const leftOut = Math.max(...columns.map(({ usersLeftOut }) => usersLeftOut));
  return [
    ...cardLines([
      ['Group', recorded === null ? null : replay.resourceGroup],
      ['From', recorded === null ? null : wordInstant(replay.from)],
      ['To', recorded === null ? null : wordInstant(replay.to)],
      ['As recorded', recorded === null ? null : `${same} of ${recorded} placements`],
      ['Jobs skipped', skippedJobs === 0 ? null : String(skippedJobs)],
      ['Policies', String(columns.length)],
    ]),
    ...table('', lines),
    ...table('WAIT BY SIZE', bySize),
    ...table('WAIT BY USER', byUser),
    ...(leftOut > 0 ? [`and ${leftOut} more users`] : []),
  ];
}

interface Measure {
  readonly title: string;
  readonly cell: (column: ReplayColumn) => string;
}

function measure(title: string, cell: Measure['cell']): Measure {
  return { title, cell };
}

function measuredColumns(
  title: string,
  columns: readonly ReplayColumn[],
): readonly Column<Measure>[] {
  return [
    { title, cell: (row) => row.title },
    ...columns.map((column): Column<Measure> => {
      const heading = column.isOwn ? 'AS IT WAS' : column.name;
      return { title: heading, cell: ({ cell }) => cell(column), side: 'right' };
    }),
  ];
}

interface NamedWait {
  readonly name: string;
  readonly p50Seconds: number;
  readonly p95Seconds: number;
}

function named<Key extends string>(key: Key) {
  return (wait: Omit<NamedWait, 'name'> & { readonly [Name in Key]: string }): NamedWait => ({
    ...wait,
    name: wait[key],
  });
}

/** A line for each name that comes up in any column: `p50 / p95`. */
function waitLines(
  columns: readonly ReplayColumn[],
  waitsOf: (column: ReplayColumn) => readonly NamedWait[],
): readonly Measure[] {
  const names = [...new Set(columns.flatMap((column) => waitsOf(column).map(({ name }) => name)))];
  return names.map((name) =>
    measure(name, (column) => {
      const wait = waitsOf(column).find((one) => one.name === name);
      if (wait === undefined) return '-';
      return `${wordSeconds(wait.p50Seconds)} / ${wordSeconds(wait.p95Seconds)}`;
    }),
  );
}

function wordSeconds(seconds: number): string {
  if (seconds < 100) return `${Math.round(seconds * 10) / 10}s`;
  if (seconds < 6_000) return `${Math.round(seconds / 6) / 10}m`;
  return `${Math.round(seconds / 360) / 10}h`;
}

function wordShare(share: number | undefined): string {
  return share === undefined ? '-' : `${(100 * share).toFixed(1)} %`;
}

const standingColumns: readonly Column<FairShareOwner>[] = [
  { title: 'KIND', cell: ({ kind }) => kind.toLowerCase() },
  { title: 'OWNER', cell: ({ owner }) => owner },
  { title: 'RANK', cell: ({ rank }) => String(rank), side: 'right' },
  { title: 'FACTOR', cell: ({ factor }) => factor.toFixed(4), side: 'right' },
  { title: 'WEIGHT', cell: ({ weight }) => String(weight), side: 'right', rank: 1 },
  { title: 'USED', cell: ({ usedSlotSeconds: used }) => wordUse(used) },
  { title: 'COUNTS', cell: ({ countedSlotSeconds: counted }) => wordUse(counted), rank: 2 },
];

function standingLines(standing: FairShareStanding, width: number): readonly string[] {
  const { resourceGroup, isInForce, halfLifeDays, lookbackDays, owners, ownersLeftOut } = standing;
  return [
    ...cardLines([
      ['Group', resourceGroup],
      ['Ordered by it', isInForce ? 'yes' : 'no'],
      ['Half-life', `${halfLifeDays} d, in steps of ${standing.decayUnitDays} d`],
      ['Look-back', `${lookbackDays} d`],
    ]),
    '',
    ...tableLines(owners, standingColumns, { width, overflow: 'keep' }),
    ...(ownersLeftOut > 0 ? [`and ${ownersLeftOut} more`] : []),
  ];
}

/** Slot-hours. */
function wordUse(slotSeconds: Readonly<Record<string, number>>): string {
  const parts = Object.entries(slotSeconds).map(([slot, seconds]) => {
    const hours = seconds / 3600;
    return `${slot} ${slot === 'mem' ? wordBytes(hours) : hours.toFixed(2)}·h`;
  });
  return parts.join(', ');
}
