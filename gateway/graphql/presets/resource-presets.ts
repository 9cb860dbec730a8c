import { authoriseSignedIn } from '../../auth/authorise.ts';
import { reachOf } from '../../auth/may.ts';
import type { GatewayContext } from '../context.ts';
import { usableGroups } from '../resource-groups/usable-groups.ts';
import { shapePreset } from './preset-shape.ts';

/** Presets of the whole cluster. */
export const PRESETS_MAX = 1_000;

export async function resourcePresets(
  _root: unknown,
  _unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  const operation = 'Query.resourcePresets';
  const signedIn = authoriseSignedIn(caller, operation);
  const [rows, groups] = await Promise.all([
    gateway.projections.listPresets({ limit: PRESETS_MAX }),
    usableGroups(gateway, signedIn, operation),
  ]);
  if (reachOf(signedIn, operation) === 'any') return rows.map(shapePreset);
  const names = new Set(groups.map(({ name }) => name));
  return rows
    .filter(({ resourceGroup }) => resourceGroup === null || names.has(resourceGroup))
    .map(shapePreset);
}
