import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Slots } from '../slots.ts';

export const PRESET_SCHEMA_VERSION = 1;

/** A word that names a resource group or a preset. */
const AdministeredName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/,
    'a name has 1 to 64 letters, digits, _, - or ., and begins with a letter or a digit',
  );
export const PresetName = AdministeredName;
export const ResourceGroupName = AdministeredName;

/** The aggregate id of a preset: 32 hexadecimal digits. A name is unique in its group, or among the global ones. */
export function presetId(name: string, resourceGroup: string | undefined): string {
  const place = JSON.stringify([resourceGroup ?? null, name]);
  return createHash('sha256').update(place).digest('hex').slice(0, 32);
}

export const PresetEvent = z.discriminatedUnion('type', [
  /** Without a resource group it is offered in all. */
  z.object({
    type: z.literal('preset-created'),
    name: z.string(),
    resourceGroup: z.string().optional(),
    slots: Slots,
    sharedMemoryBytes: z.int().optional(),
  }),
  z.object({ type: z.literal('preset-slots-set'), slots: Slots }),
  /** Null: what the image prefers. */
  z.object({
    type: z.literal('preset-shared-memory-set'),
    sharedMemoryBytes: z.int().nullable(),
  }),
  z.object({ type: z.literal('preset-deleted') }),
]);
export type PresetEvent = Readonly<z.infer<typeof PresetEvent>>;

const SharedMemoryBytes = z.int().min(1);

export const PresetCommand = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('create'),
    name: PresetName,
    resourceGroup: ResourceGroupName.optional(),
    slots: Slots,
    sharedMemoryBytes: SharedMemoryBytes.optional(),
  }),
  z.strictObject({
    type: z.literal('modify'),
    slots: Slots.optional(),
    sharedMemoryBytes: SharedMemoryBytes.nullable().optional(),
  }),
  z.strictObject({ type: z.literal('delete') }),
]);
export type PresetCommand = Readonly<z.infer<typeof PresetCommand>>;
