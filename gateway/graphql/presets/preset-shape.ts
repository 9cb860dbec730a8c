import type { PresetRow } from '@orrery/projections';

/** The GraphQL type ResourcePreset. */
export function shapePreset(row: PresetRow): object {
  return {
    id: row.id,
    name: row.name,
    resourceGroup: row.resourceGroup,
    slots: row.slots,
    sharedMemoryBytes: row.sharedMemoryBytes,
    createdAt: row.createdAtMs,
  };
}
