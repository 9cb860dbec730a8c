import { listSetAside } from '@orrery/bus';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import type { GatewayContext } from '../context.ts';
import { shapeSetAside } from './set-aside-shape.ts';

/** The oldest first; the store itself has a limit. */
export async function setAsideCommands(
  _root: unknown,
  _unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<readonly object[]> {
  authoriseSignedIn(caller, 'Query.setAsideCommands');
  return (await listSetAside(gateway.bus)).map(shapeSetAside);
}
