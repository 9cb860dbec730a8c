import type {
  OwnerLimits,
  PresetCheck,
  ResourcePreset,
} from '../../client/administration-model.ts';
import type { Slots } from '../../client/model.ts';
import type { CommandContext, GlobalOptions } from '../context.ts';
import { type Column, tableLines } from '../table.ts';
import { wordBytes, wordSlots } from '../wording.ts';

const columns: readonly Column<ResourcePreset>[] = [
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'GROUP', cell: ({ resourceGroup }) => resourceGroup ?? '' },
  { title: 'SLOTS', cell: ({ slots }) => wordSlots(slots) },
  {
    title: 'SHARED MEMORY',
    cell: ({ sharedMemoryBytes }) => (sharedMemoryBytes ? wordBytes(sharedMemoryBytes) : ''),
    rank: 1,
  },
];

/** JSON: an array of presets. */
export async function listPresets(context: CommandContext): Promise<undefined> {
  const { output, signal } = context;
  const { administration } = await context.client();
  const presets = await administration.resourcePresets(signal);
  await output.result(presets, () =>
    tableLines(presets, columns, { width: output.width, overflow: 'keep' }),
  );
}

/** JSON: the group, the presets and the caller's limits. */
export async function checkPresets(
  context: CommandContext,
  group: string | undefined,
): Promise<undefined> {
  const { output, signal } = context;
  const { administration } = await context.client();
  const check = await administration.checkPresets(group, signal);
  const table = { width: output.width, overflow: 'keep' } as const;
  await output.result(check, () => [
    ...tableLines(check.presets, checkedColumns, table),
    '',
    ...tableLines(check.limits, limitColumns, table),
  ]);
}

const checkedColumns: readonly Column<PresetCheck['presets'][number]>[] = [
  { title: 'PRESET', cell: ({ preset }) => preset.name },
  { title: 'SLOTS', cell: ({ preset }) => wordSlots(preset.slots) },
  {
    title: 'CAN START',
    cell: ({ isAllocatable, obstacle }) => (isAllocatable ? 'yes' : `no: ${obstacle}`),
  },
];

const limitColumns: readonly Column<OwnerLimits>[] = [
  { title: 'LIMITED', cell: ({ scope, key }) => `${scope.toLowerCase()} ${key}` },
  { title: 'TOTAL', cell: (limits) => wordTotal(limits.totalResourceSlots) },
  { title: 'USED', cell: ({ usedSlots }) => wordSlots(usedSlots) },
  { title: 'LEFT', cell: ({ remainingSlots }) => wordSlots(remainingSlots) },
];

function wordTotal(slots: Slots | null): string {
  return slots === null ? 'unlimited' : wordSlots(slots);
}

export interface PresetOptions extends GlobalOptions {
  readonly group?: string;
  readonly slot?: Slots;
  readonly shmem?: string;
}

/** Prints the preset's name. JSON: the preset. */
export async function changePreset(
  context: CommandContext,
  change: 'create' | 'modify' | 'delete',
  { name, group, slot, shmem }: PresetOptions & { readonly name: string },
): Promise<undefined> {
  const { administration } = await context.client();
  const place = { name, resourceGroup: group };
  const input = { ...place, slots: slot, sharedMemory: shmem };
  const { signal } = context;
  const preset =
    change === 'create'
      ? await administration.createResourcePreset({ ...input, slots: slot ?? {} }, signal)
      : change === 'modify'
        ? await administration.modifyResourcePreset(input, signal)
        : await administration.deleteResourcePreset(place, signal);
  await context.output.result(preset, () => [preset.name]);
}
