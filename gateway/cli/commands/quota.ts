import { QUOTA_SCOPES, type Quota, type QuotaScope } from '../../client/usage-model.ts';
import type { CommandContext, GlobalOptions } from '../context.ts';
import { csvText } from '../csv.ts';
import { NothingFound, UsageWrong } from '../errors.ts';
import { collect } from '../paging.ts';
import { type Column, tableLines } from '../table.ts';
import { wordAmount } from '../wording.ts';

export interface QuotaOptions extends GlobalOptions {
  readonly csv?: boolean;
  readonly follow?: boolean;
}

/** Owners of one listing. */
const OWNERS_MAX = 100_000;

interface Line extends Pick<Quota, 'scope' | 'key' | 'name'> {
  readonly slot: string;
  readonly occupied: string;
  readonly limit: string | null;
  readonly remaining: string | null;
}

/** JSON: an array of owners; with `--follow` one a line. */
export async function printQuotas(
  context: CommandContext,
  { scope: word, key }: { readonly scope: string; readonly key: string | undefined },
  options: QuotaOptions,
): Promise<undefined> {
  const { io, output, signal } = context;
  const scope = scopeOf(word);
  if (options.follow === true) {
    await follow(context, { scope, key });
    return;
  }
  const { usages } = await context.client();
  const { nodes } = await collect(OWNERS_MAX, (page) => usages.quotas({ ...page, scope }, signal));
  const quotas = nodes.filter((quota) => key === undefined || quota.key === key);
  if (key !== undefined && quotas.length === 0)
    throw new NothingFound('owner-unknown', `there is no ${word} ${key}, or none that you may see`);
  const lines = quotas.flatMap(linesOf);
  if (options.csv === true) {
    await output.bytes(csvText(lines, csvColumns));
    return;
  }
  const overflow = io.stdout.isTTY === true ? 'cut' : 'keep';
  await output.result(quotas, () => tableLines(lines, columns, { width: output.width, overflow }));
}

async function follow(
  { output, client, signal }: CommandContext,
  of: { readonly scope: QuotaScope; readonly key: string | undefined },
): Promise<void> {
  const { usages } = await client();
  for await (const quota of usages.quotasChanged(of, signal))
    await output.element(quota, () => wordQuota(quota));
}

/** @throws {UsageWrong} */
function scopeOf(word: string): QuotaScope {
  const name = word === 'group' ? 'RESOURCE_GROUP' : word.toUpperCase();
  const scope = QUOTA_SCOPES.find((one) => one === name);
  if (scope !== undefined) return scope;
  throw new UsageWrong(`${JSON.stringify(word)} is no scope: user, project, domain or group`);
}

function linesOf({ scope, key, name, slots }: Quota): readonly Line[] {
  return slots.map((slot) => ({ scope, key, name, ...slot }));
}

const columns: readonly Column<Line>[] = [
  { title: 'OWNER', cell: ({ name }) => name },
  { title: 'SLOT', cell: ({ slot }) => slot },
  { title: 'HELD', cell: ({ slot, occupied }) => wordAmount(slot, occupied), side: 'right' },
  { title: 'LIMIT', cell: ({ slot, limit }) => wordMost(slot, limit), side: 'right' },
  { title: 'LEFT', cell: ({ slot, remaining }) => wordMost(slot, remaining), side: 'right' },
];

function wordMost(slot: string, amount: string | null): string {
  return amount === null ? 'unlimited' : wordAmount(slot, amount);
}

/** Such as `ann@example.test: cpu 1 of 4, mem 1 GiB; 2 sessions, 1 waiting`. */
function wordQuota({ name, slots, sessions, pendingSessions }: Quota): string {
  const held = slots.map(({ slot, occupied, limit }) => {
    const most = limit === null ? '' : ` of ${wordAmount(slot, limit)}`;
    return `${slot} ${wordAmount(slot, occupied)}${most}`;
  });
  const counts = sessions === null ? '' : `${sessions} sessions, `;
  return `${name}: ${held.join(', ') || 'nothing'}; ${counts}${pendingSessions} waiting`;
}

const csvColumns: readonly {
  readonly name: string;
  readonly value: (line: Line) => string | null;
}[] = [
  { name: 'scope', value: ({ scope }) => scope },
  { name: 'key', value: ({ key }) => key },
  { name: 'name', value: ({ name }) => name },
  { name: 'slot', value: ({ slot }) => slot },
  { name: 'occupied', value: ({ occupied }) => occupied },
  { name: 'limit', value: ({ limit }) => limit },
  { name: 'remaining', value: ({ remaining }) => remaining },
];
