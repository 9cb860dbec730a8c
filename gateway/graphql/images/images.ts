import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { parseArguments } from '../arguments.ts';
import { pageArguments, shapeConnection } from '../connection.ts';
import type { GatewayContext } from '../context.ts';
import { shapeImage } from './image-shape.ts';

const Arguments = z.strictObject(pageArguments);

export async function images(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  const request = parseArguments(Arguments, unparsed);
  authoriseSignedIn(caller, 'Query.images');
  const [page, defaultReference] = await Promise.all([
    gateway.projections.listImages(request),
    gateway.catalogue.defaultReference(),
  ]);
  const references = page.ok ? page.value.edges.map(({ row }) => row.reference) : [];
  const aliases = await gateway.projections.aliasesOf(references);
  return shapeConnection(page, (row) => shapeImage(row, { defaultReference, aliases }));
}
