import { LimitScope } from '@orrery/bus';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { RequestFailed } from '../../errors.ts';
import { parseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { fromEnum } from '../enum-words.ts';
import { targetOf } from './find-owner.ts';
import { readOwner, shapeOwner } from './owner-limits.ts';

const Arguments = z.strictObject({
  scope: z.string().transform(fromEnum).pipe(LimitScope),
  key: z.string().min(1).max(128),
});

export async function limits(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  const owner = parseArguments(Arguments, unparsed);
  const signedIn = authoriseSignedIn(caller, 'Query.limits');
  const target = await targetOf(gateway, signedIn, owner);
  // To those who may see their own only, others are the same whether they are there or not.
  const nobodys = { ownerUserId: '', domain: '', projectId: '' };
  authoriseSignedIn(caller, 'Query.limits', target ?? nobodys);
  if (target === undefined)
    throw new RequestFailed('INPUT_INVALID', `There is no such ${owner.scope}.`, { field: 'key' });
  return shapeOwner(await readOwner(gateway, owner));
}
