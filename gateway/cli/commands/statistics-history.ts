import type { HistoryRequest, StatisticsSeries } from '../../client/statistics-model.ts';
import type { CommandContext } from '../context.ts';
import { NothingFound, UsageWrong } from '../errors.ts';
import { lookUpSession } from '../session-lookup.ts';
import { type Column, tableLines } from '../table.ts';
import { instantOf, wordBytes, wordMoment } from '../wording.ts';

/** Steps that are shown when nobody says how long one is. */
const STEPS = 60;
const STEP_SECONDS_MIN = 10;
const BYTES = /^(mem|net_|io_|disk)/;

export interface HistoryOptions {
  readonly since?: string;
  readonly until?: string;
  readonly step?: number;
  readonly metric?: readonly string[];
}

interface ShownPoint {
  readonly at: string;
  readonly name: string;
  readonly key: string;
  readonly mean: number;
  readonly peak: number;
}

/** JSON: an array of the series. */
export async function printSessionHistory(
  context: CommandContext,
  reference: string,
  options: HistoryOptions,
): Promise<undefined> {
  const client = await context.client();
  const { id } = await lookUpSession(client, reference, context.signal);
  const request = requestOf(id, options, context.io.clock.nowMs());
  const series = await client.machines.historyOfSession(request, context.signal);
  const kernels = await client.machines.usageOfSession(id, context.signal);
  const hostnames = new Map(kernels.map((kernel) => [kernel.id, kernel.hostname]));
  await printSeries(context, series, (kernel) => hostnames.get(kernel) ?? kernel);
}

/** JSON: an array of the series of all named agents. */
export async function printAgentHistory(
  context: CommandContext,
  names: readonly string[],
  options: HistoryOptions,
): Promise<undefined> {
  if (names.length === 0) throw new UsageWrong('name the agents whose past is to be shown');
  const client = await context.client();
  const series: StatisticsSeries[] = [];
  for (const name of names) {
    const request = requestOf(name, options, context.io.clock.nowMs());
    const found = await client.machines.history(request, context.signal);
    if (found.length === 0)
      throw new NothingFound('statistics-not-found', `nothing was measured of ${name} then`);
    series.push(...found);
  }
  await printSeries(context, series, (agent) => agent);
}

function requestOf(id: string, options: HistoryOptions, nowMs: number): HistoryRequest {
  const since = instantOf(options.since ?? '1h', nowMs);
  const until = options.until === undefined ? undefined : instantOf(options.until, nowMs);
  const seconds = ((until === undefined ? nowMs : Date.parse(until)) - Date.parse(since)) / 1000;
  const stepSeconds = options.step ?? Math.max(STEP_SECONDS_MIN, Math.ceil(seconds / STEPS));
  return { id, since, until, stepSeconds, keys: options.metric };
}

async function printSeries(
  { io, output }: CommandContext,
  series: readonly StatisticsSeries[],
  nameOf: (id: string) => string,
): Promise<void> {
  const points = series.flatMap(({ id, key, points }) =>
    points.map(({ at, mean, peak }) => ({ at, name: nameOf(id), key, mean, peak })),
  );
  const columns: readonly Column<ShownPoint>[] = [
    { title: 'TIME', cell: ({ at }) => wordMoment(at) },
    { title: 'OF', cell: ({ name }) => name },
    { title: 'METRIC', cell: ({ key }) => key },
    { title: 'MEAN', cell: ({ key, mean }) => wordValue(key, mean), side: 'right' },
    { title: 'PEAK', cell: ({ key, peak }) => wordValue(key, peak), side: 'right' },
  ];
  await output.result(series, () =>
    tableLines(points, columns, {
      width: output.width,
      overflow: io.stdout.isTTY === true ? 'cut' : 'keep',
    }),
  );
}

function wordValue(key: string, value: number): string {
  return BYTES.test(key) ? wordBytes(String(Math.round(value))) : value.toFixed(1);
}
