import { authoriseSignedIn } from '../../auth/authorise.ts';
import { RequestFailed } from '../../errors.ts';
import type { GatewayContext } from '../context.ts';
import { shapeUser } from './user-shape.ts';

export async function viewer(
  _root: unknown,
  _unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  const { userId } = authoriseSignedIn(caller, 'Query.viewer');
  const user = await gateway.identities.findUser(userId);
  if (user !== undefined) return shapeUser(user);
  throw new RequestFailed('UNAUTHENTICATED', 'The user is not active any more.');
}
