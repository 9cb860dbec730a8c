import { USAGE_DIMENSIONS, type Usage, type UsageDimension } from '../../client/usage-model.ts';
import type { CommandContext, GlobalOptions } from '../context.ts';
import { csvText } from '../csv.ts';
import { UsageWrong } from '../errors.ts';
import { type Column, tableLines } from '../table.ts';
import { wordBytes } from '../wording.ts';

export interface UsageOptions extends GlobalOptions {
  readonly from?: string;
  readonly to?: string;
  readonly by?: readonly string[];
  readonly user?: string;
  readonly project?: string;
  readonly domain?: string;
  readonly group?: string;
  readonly csv?: boolean;
}

const HOUR_SECONDS = 3600;

/** JSON: an array of the rows. */
export async function printUsage(
  context: CommandContext,
  options: UsageOptions,
): Promise<undefined> {
  const { io, output, signal } = context;
  const today = new Date(io.clock.nowMs()).toISOString().slice(0, 10);
  const by = options.by?.map(dimensionOf) ?? (['DAY', 'USER', 'PROJECT'] as const);
  const client = await context.client();
  const rows = await client.usages.usage(
    {
      from: options.from ?? `${today.slice(0, 8)}01`,
      to: options.to ?? today,
      by,
      filter: {
        userId: options.user,
        projectId: options.project,
        domain: options.domain,
        resourceGroup: options.group,
      },
    },
    signal,
  );
  if (options.csv === true) {
    await output.bytes(csvText(rows, csvColumns));
    return;
  }
  const shown = columns.filter(({ of }) => of === undefined || by.includes(of));
  const overflow = io.stdout.isTTY === true ? 'cut' : 'keep';
  await output.result(rows, () => tableLines(rows, shown, { width: output.width, overflow }));
}

/** @throws {UsageWrong} */
function dimensionOf(word: string): UsageDimension {
  const name = word === 'group' ? 'RESOURCE_GROUP' : word.toUpperCase();
  const dimension = USAGE_DIMENSIONS.find((one) => one === name);
  if (dimension !== undefined) return dimension;
  throw new UsageWrong(
    `${JSON.stringify(word)} is nothing that usage is told apart by: day, user, project, domain or group`,
  );
}

const columns: readonly (Column<Usage> & { readonly of?: UsageDimension })[] = [
  { of: 'DAY', title: 'DAY', cell: ({ day }) => day ?? '' },
  { of: 'DOMAIN', title: 'DOMAIN', cell: ({ domain }) => domain ?? '' },
  {
    of: 'PROJECT',
    title: 'PROJECT',
    cell: ({ projectId, projectName }) => projectName ?? projectId ?? '',
  },
  { of: 'USER', title: 'USER', cell: ({ userId, userEmail }) => userEmail ?? userId ?? '' },
  { of: 'RESOURCE_GROUP', title: 'GROUP', cell: ({ resourceGroup }) => resourceGroup ?? '' },
  { title: 'SLOT', cell: ({ slot }) => slot },
  { title: 'HELD', cell: wordHeld, side: 'right' },
];

/** Rounded, for people: what is charged is in CSV and JSON. */
function wordHeld({ slot, slotSeconds }: Usage): string {
  const hours = Number(slotSeconds) / HOUR_SECONDS;
  return slot === 'mem' ? `${wordBytes(hours)} h` : `${hours.toFixed(3)} h`;
}

const csvColumns: readonly {
  readonly name: string;
  readonly value: (row: Usage) => string | null;
}[] = [
  { name: 'day', value: ({ day }) => day },
  { name: 'domain', value: ({ domain }) => domain },
  { name: 'project_id', value: ({ projectId }) => projectId },
  { name: 'project_name', value: ({ projectName }) => projectName },
  { name: 'user_id', value: ({ userId }) => userId },
  { name: 'user_email', value: ({ userEmail }) => userEmail },
  { name: 'resource_group', value: ({ resourceGroup }) => resourceGroup },
  { name: 'slot', value: ({ slot }) => slot },
  { name: 'slot_seconds', value: ({ slotSeconds }) => slotSeconds },
];
