import { parseImageName } from '@orrery/bus';
import type { ImageRow } from '@orrery/projections';

/** The GraphQL type Image. */
export function shapeImage(
  row: ImageRow,
  known: {
    readonly defaultReference: string | undefined;
    readonly aliases: ReadonlyMap<string, readonly string[]>;
  },
): object {
  return {
    id: row.id,
    reference: row.reference,
    registry: parseImageName(row.reference).host,
    aliases: known.aliases.get(row.reference) ?? [],
    architectures: row.architectures,
    sizeBytes: row.sizeBytes,
    agentIds: row.agentIds,
    labels: row.labels,
    platforms: row.platforms,
    registeredAt: row.registeredAtMs,
    isDefault: row.reference === known.defaultReference,
  };
}
