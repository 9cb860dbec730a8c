import type { Gateway } from '../../gateway.ts';
import { shapeImage } from './image-shape.ts';

/** The image of this very reference as GraphQL has it; an alias is none. */
export async function findShapedImage(
  { projections, catalogue }: Pick<Gateway, 'projections' | 'catalogue'>,
  reference: string,
): Promise<object | undefined> {
  const row = await projections.findImage(reference);
  if (row === undefined || row.aliasOf !== null) return undefined;
  const [aliases, defaultReference] = await Promise.all([
    projections.aliasesOf([reference]),
    catalogue.defaultReference(),
  ]);
  return shapeImage(row, { defaultReference, aliases });
}
