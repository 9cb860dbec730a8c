import type {
  KernelStatistics,
  MeasuredAgent,
  MeasuredKernel,
  Metrics,
} from '../../client/statistics-model.ts';
import type { CommandContext } from '../context.ts';
import { NothingFound } from '../errors.ts';
import { collect } from '../paging.ts';
import { lookUpSession } from '../session-lookup.ts';
import { type Column, tableLines } from '../table.ts';
import { wordBytes, wordMoment } from '../wording.ts';

const AGENTS_MAX = 10_000;
const NOT_MEASURED = '-';
/** A machine that plays many nodes measures none of them. */
const UNMEASURED_DRIVER = 'simulated';
/** Agents measure every 5 s, if nothing else is set. */
const FIRST_READING_MS_MAX = 6_000;
const ASK_AGAIN_MS = 250;

/** JSON: an array of the kernels with their metrics; followed, one measurement a line. */
export async function printSessionStatistics(
  context: CommandContext,
  reference: string,
  { follow }: { readonly follow?: boolean },
): Promise<undefined> {
  const { output, signal } = context;
  const client = await context.client();
  const { id } = await lookUpSession(client, reference, signal);
  const kernels = await client.machines.usageOfSession(id, signal);
  if (follow !== true) {
    const columns: readonly Column<MeasuredKernel>[] = [
      { title: 'KERNEL', cell: ({ hostname }) => hostname },
      { title: 'AGENT', cell: ({ agentId }) => agentId ?? NOT_MEASURED, rank: 2 },
      ...metricColumns<MeasuredKernel>(({ liveStat }) => liveStat ?? undefined),
    ];
    await printTable(context, kernels, columns);
    return;
  }
  const hostnames = new Map(kernels.map((kernel) => [kernel.id, kernel.hostname]));
  for await (const told of client.sessionStatistics(id, signal))
    await output.element(told, () => line(told, hostnames.get(told.kernelId) ?? told.kernelId));
}

/** JSON: an array of the agents with their metrics. @throws {NothingFound} for a name that no agent has. */
export async function printAgentStatistics(
  context: CommandContext,
  names: readonly string[],
): Promise<undefined> {
  const nodes = await firstReadings(context, names);
  const missing = names.find((name) => !nodes.some(({ id }) => id === name));
  if (missing !== undefined)
    throw new NothingFound('agent-not-found', `there is no agent ${missing}`);
  const wanted = names.length === 0 ? nodes : nodes.filter(({ id }) => names.includes(id));
  const columns: readonly Column<MeasuredAgent>[] = [
    { title: 'AGENT', cell: ({ id }) => id },
    { title: 'STATUS', cell: ({ status }) => status },
    ...metricColumns<MeasuredAgent>(({ liveStat }) => liveStat?.node),
    {
      title: 'DISK',
      cell: ({ liveStat }) => wordShare(liveStat?.node, 'disk'),
      rank: 1,
    },
  ];
  await printTable(context, wanted, columns);
}

/**
 * The agents, and what they measured. A gateway that has just started has heard nothing yet: it is asked
 * again until everybody who measures has said something, for as long as that usually takes.
 */
async function firstReadings(
  { io, signal, ...context }: CommandContext,
  names: readonly string[],
): Promise<readonly MeasuredAgent[]> {
  const client = await context.client();
  const deadlineMs = io.clock.nowMs() + FIRST_READING_MS_MAX;
  for (;;) {
    const { nodes } = await collect(AGENTS_MAX, (page) => client.machines.usage(page, signal));
    const isComing = nodes.some(
      ({ id, status, driver, liveStat }) =>
        liveStat === null &&
        status === 'ALIVE' &&
        driver !== UNMEASURED_DRIVER &&
        (names.length === 0 || names.includes(id)),
    );
    if (!isComing || io.clock.nowMs() >= deadlineMs) return nodes;
    await io.clock.sleep(ASK_AGAIN_MS, signal);
  }
}

function metricColumns<Row>(metricsOf: (row: Row) => Metrics | undefined): readonly Column<Row>[] {
  const amount =
    (key: string, ending = '') =>
    (row: Row): string => {
      const metric = metricsOf(row)?.[key];
      return metric === undefined ? NOT_MEASURED : `${wordBytes(metric.current)}${ending}`;
    };
  return [
    { title: 'CPU', cell: (row) => wordPercent(metricsOf(row), 'cpu_util'), side: 'right' },
    { title: 'MEMORY', cell: (row) => wordShare(metricsOf(row), 'mem') },
    { title: 'NET IN', cell: amount('net_rx', '/s'), rank: 3 },
    { title: 'NET OUT', cell: amount('net_tx', '/s'), rank: 3 },
    { title: 'READ', cell: amount('io_read'), rank: 4 },
    { title: 'WRITTEN', cell: amount('io_write'), rank: 4 },
  ];
}

function wordPercent(metrics: Metrics | undefined, key: string): string {
  const metric = metrics?.[key];
  return metric === undefined ? NOT_MEASURED : `${metric.pct} %`;
}

/** Such as `1 GiB/8 GiB`. */
function wordShare(metrics: Metrics | undefined, key: string): string {
  const metric = metrics?.[key];
  if (metric === undefined) return NOT_MEASURED;
  const { current, capacity } = metric;
  return capacity === null ? wordBytes(current) : `${wordBytes(current)}/${wordBytes(capacity)}`;
}

function line({ measuredAt, liveStat }: KernelStatistics, hostname: string): string {
  const cpu = wordPercent(liveStat, 'cpu_util').padStart('100.00 %'.length);
  return `${wordMoment(measuredAt)}  ${hostname}  cpu ${cpu}  memory ${wordShare(liveStat, 'mem')}`;
}

async function printTable<Row>(
  { io, output }: CommandContext,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
): Promise<void> {
  await output.result(rows, () =>
    tableLines(rows, columns, {
      width: output.width,
      overflow: io.stdout.isTTY === true ? 'cut' : 'keep',
    }),
  );
}
