import { z } from 'zod';
import { authoriseSignedIn, visibilityOf } from '../../auth/authorise.ts';
import { parseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';

const Arguments = z.strictObject({ time: z.number() });

export async function clusterAt(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  const { time } = parseArguments(Arguments, unparsed);
  const viewer = authoriseSignedIn(caller, 'Query.clusterAt');
  const visibility = visibilityOf(viewer, 'Query.clusterAt');
  const { nodes, ...moment } = await gateway.projections.clusterAt(time, visibility);
  const agents = nodes.map((node) => ({
    ...node,
    isSchedulable: node.isSchedulable && !node.isTroubled,
  }));
  return { ...moment, time, agents };
}
