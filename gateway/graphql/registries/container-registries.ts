import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { parseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { shapeRegistry } from './registry-shape.ts';

export const REGISTRIES_MAX = 1_000;

const Arguments = z.strictObject({});

export async function containerRegistries(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<readonly object[]> {
  parseArguments(Arguments, unparsed);
  authoriseSignedIn(caller, 'Query.containerRegistries');
  const rows = await gateway.projections.listRegistries({ limit: REGISTRIES_MAX });
  return rows.map(shapeRegistry);
}
