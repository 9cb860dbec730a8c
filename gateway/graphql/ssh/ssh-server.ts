import { authorise } from '../../auth/authorise.ts';
import type { GatewayContext } from '../context.ts';

export async function sshServer(
  _root: unknown,
  _unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object | null> {
  authorise(caller, 'Query.sshServer');
  return gateway.sshAccess() ?? null;
}
