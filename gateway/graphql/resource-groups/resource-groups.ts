import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { reachOf } from '../../auth/may.ts';
import { parseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { shapeGroup } from './group-shape.ts';
import { usableGroups } from './usable-groups.ts';

export async function resourceGroups(
  _root: unknown,
  _unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  const operation = 'Query.resourceGroups';
  const groups = await usableGroups(gateway, authoriseSignedIn(caller, operation), operation);
  const access = reachOf(caller, operation) === 'any' ? 'shown' : 'hidden';
  const defaultName = await gateway.groupRules.defaultName();
  return groups.map((group) => shapeGroup(group, { access, defaultName }));
}

const Arguments = z.strictObject({ name: z.string() });

export async function resourceGroup(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object | null> {
  const { name } = parseArguments(Arguments, unparsed);
  const operation = 'Query.resourceGroup';
  const groups = await usableGroups(gateway, authoriseSignedIn(caller, operation), operation);
  const group = groups.find((one) => one.name === name);
  if (group === undefined) return null;
  const access = reachOf(caller, operation) === 'any' ? 'shown' : 'hidden';
  return shapeGroup(group, { access, defaultName: await gateway.groupRules.defaultName() });
}
