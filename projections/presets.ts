import { type PresetEvent, unreachable } from '@orrery/bus';
import { instantMs, type Moment, placeOf } from './moment.ts';
import type { PresetRow } from './rows.ts';

/** What one event does to the row of a preset; undefined stands for one of an unknown type. */
export function projectPreset(
  row: PresetRow | undefined,
  event: PresetEvent | undefined,
  at: Moment,
): PresetRow | undefined {
  if (event?.type === 'preset-created') {
    return {
      id: at.id,
      name: event.name,
      resourceGroup: event.resourceGroup ?? null,
      slots: event.slots,
      sharedMemoryBytes: event.sharedMemoryBytes ?? null,
      isDeleted: false,
      createdAtMs: instantMs(at.recordedAtMs),
      ...placeOf(at),
    };
  }
  if (row === undefined) return undefined;
  return { ...row, ...(event && changeOf(event)), ...placeOf(at) };
}

function changeOf(
  event: Exclude<PresetEvent, { readonly type: 'preset-created' }>,
): Partial<PresetRow> {
  switch (event.type) {
    case 'preset-slots-set':
      return { slots: event.slots };
    case 'preset-shared-memory-set':
      return { sharedMemoryBytes: event.sharedMemoryBytes };
    case 'preset-deleted':
      return { isDeleted: true };
    default:
      return unreachable(event);
  }
}
