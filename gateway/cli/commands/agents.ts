import type { Agent } from '../../client/model.ts';
import type { CommandContext } from '../context.ts';
import { collect } from '../paging.ts';
import { type Column, tableLines } from '../table.ts';
import { wordAmount } from '../wording.ts';

const AGENTS_MAX = 10_000;

/** JSON: an array of agents. */
export async function listAgents(context: CommandContext): Promise<undefined> {
  const { io, output, signal } = context;
  const client = await context.client();
  const { nodes } = await collect(AGENTS_MAX, (request) => client.agents(request, signal));
  const columns: readonly Column<Agent>[] = [
    { title: 'ID', cell: ({ id }) => id },
    {
      title: 'STATUS',
      cell: wordStatus,
      paint: (text, { status, troubles }) =>
        output.paint(text, status === 'ALIVE' && troubles.length === 0 ? 'good' : 'bad'),
    },
    { title: 'DRIVER', cell: ({ driver }) => driver, rank: 1 },
    { title: 'KERNELS', cell: ({ liveKernels }) => String(liveKernels), side: 'right' },
    { title: 'IN USE', cell: wordUse },
    { title: 'GROUP', cell: ({ resourceGroup }) => resourceGroup, rank: 2 },
    { title: 'ARCHITECTURE', cell: ({ architecture }) => architecture, rank: 3 },
    { title: 'VERSION', cell: ({ version }) => version, rank: 4 },
  ];
  await output.result(nodes, () =>
    tableLines(nodes, columns, {
      width: output.width,
      overflow: io.stdout.isTTY === true ? 'cut' : 'keep',
    }),
  );
}

export function wordStatus({
  status,
  isSchedulable,
  troubles = [],
}: Pick<Agent, 'status' | 'isSchedulable'> & Partial<Pick<Agent, 'troubles'>>): string {
  const word = status === 'ALIVE' && !isSchedulable ? 'ALIVE, paused' : status;
  const codes = new Set(troubles.map(({ code }) => code.toLowerCase().replaceAll('_', '-')));
  return codes.size === 0 ? word : `${word}: ${[...codes].join(', ')}`;
}

/** Such as `cpu 1/4, mem 1 GiB/8 GiB`. */
export function wordUse({
  availableSlots,
  occupiedSlots,
}: Pick<Agent, 'availableSlots' | 'occupiedSlots'>): string {
  return Object.entries(availableSlots)
    .map(([name, total]) => {
      const used = wordAmount(name, occupiedSlots[name] ?? '0');
      return `${name} ${used}/${wordAmount(name, total)}`;
    })
    .join(', ');
}
