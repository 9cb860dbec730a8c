import type { ImageRow } from '@orrery/projections';

/** The GraphQL type Image. */
export function shapeImage(row: ImageRow, defaultReference: string | undefined): object {
  return {
    id: row.id,
    reference: row.reference,
    architectures: row.architectures,
    sizeBytes: row.sizeBytes,
    agentIds: row.agentIds,
    labels: row.labels,
    registeredAt: row.registeredAtMs,
    isDefault: row.reference === defaultReference,
  };
}
