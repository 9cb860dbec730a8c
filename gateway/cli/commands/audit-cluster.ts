import type { Allocation, ClusterMoment } from '../../client/model.ts';
import type { CommandContext } from '../context.ts';
import { type Column, cardLines, tableLines } from '../table.ts';
import { instantOf, wordCounts, wordInstant, wordSlots } from '../wording.ts';
import { wordStatus, wordUse } from './agents.ts';

type AgentThen = ClusterMoment['agents'][number];

/** JSON: the cluster as it was. */
export async function showClusterAt(context: CommandContext, timeText: string): Promise<undefined> {
  const { io, output, signal } = context;
  const client = await context.client();
  const moment = await client.clusterAt(instantOf(timeText, io.clock.nowMs()), signal);
  await output.result(moment, () => lines(moment, output.width));
}

function lines(moment: ClusterMoment, width: number): readonly string[] {
  const table = { width, overflow: 'keep' } as const;
  return [
    ...cardLines([
      ['Time', wordInstant(moment.time)],
      ['Log', `${moment.sequence} commits`],
      ['Sessions', wordCounts(moment.sessionsByStatus)],
    ]),
    ...section(moment.agents, tableLines(moment.agents, AGENTS, table)),
    ...section(moment.allocations, tableLines(moment.allocations, ALLOCATIONS, table)),
  ];
}

function section(rows: readonly unknown[], table: readonly string[]): readonly string[] {
  return rows.length === 0 ? [] : ['', ...table];
}

const AGENTS: readonly Column<AgentThen>[] = [
  { title: 'AGENT', cell: ({ id }) => id },
  { title: 'STATUS', cell: wordStatus },
  { title: 'IN USE', cell: wordUse },
  { title: 'GROUP', cell: ({ resourceGroup }) => resourceGroup, rank: 1 },
];

const ALLOCATIONS: readonly Column<Allocation>[] = [
  { title: 'AGENT', cell: ({ agentId }) => agentId },
  { title: 'SESSION', cell: ({ sessionId }) => sessionId },
  { title: 'SLOTS', cell: ({ slots }) => wordSlots(slots) },
];
