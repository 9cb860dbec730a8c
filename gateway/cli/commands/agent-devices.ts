import type { AgentDevice, AgentDevices } from '../../client/model.ts';
import type { CommandContext } from '../context.ts';
import { NothingFound } from '../errors.ts';
import { collect } from '../paging.ts';
import { type Column, tableLines } from '../table.ts';
import { wordBytes } from '../wording.ts';

const AGENTS_MAX = 10_000;

/** JSON: an array of the agents with their devices. @throws {NothingFound} for a name that no agent has. */
export async function listDevices(
  context: CommandContext,
  names: readonly string[],
): Promise<undefined> {
  const { io, output, signal } = context;
  const client = await context.client();
  const { nodes } = await collect(AGENTS_MAX, (page) => client.machines.devices(page, signal));
  const missing = names.find((name) => !nodes.some(({ id }) => id === name));
  if (missing !== undefined)
    throw new NothingFound('agent-not-found', `there is no agent ${missing}`);
  const wanted = names.length === 0 ? nodes : nodes.filter(({ id }) => names.includes(id));
  const rows = wanted.flatMap(({ id, devices }) => devices.map((device) => ({ id, device })));
  await output.result(wanted, () =>
    tableLines(rows, COLUMNS, {
      width: output.width,
      overflow: io.stdout.isTTY === true ? 'cut' : 'keep',
    }),
  );
}

interface Row {
  readonly id: AgentDevices['id'];
  readonly device: AgentDevice;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'AGENT', cell: ({ id }) => id },
  { title: 'DEVICE', cell: ({ device }) => device.id },
  { title: 'SLOT', cell: ({ device }) => device.slot },
  { title: 'USED', cell: ({ device: { used, amount } }) => `${used}/${amount}`, side: 'right' },
  { title: 'SESSIONS', cell: ({ device }) => wordHolders(device) },
  { title: 'MODEL', cell: ({ device }) => device.model, rank: 1 },
  { title: 'MEMORY', cell: ({ device }) => wordBytes(device.memoryBytes), side: 'right', rank: 2 },
  { title: 'NUMA', cell: ({ device }) => String(device.numaNode ?? '-'), side: 'right', rank: 3 },
  { title: 'APART BY', cell: ({ device }) => wordIsolation(device), rank: 4 },
];

/** The names of the sessions; of a shared device with what they hold of it, and others as what is left of the use. */
function wordHolders({ holders, used, amount }: AgentDevice): string {
  if (used === '0') return '-';
  const isShared = amount !== '1';
  const names = holders.map((holder) =>
    isShared ? `${holder.sessionName} (${holder.amount})` : holder.sessionName,
  );
  return names.length === 0 ? "(others')" : names.join(', ');
}

function wordIsolation({ isolation }: AgentDevice): string {
  return isolation.toLowerCase().replaceAll('_', ' ');
}
