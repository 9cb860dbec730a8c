import type { LimitScope } from '@orrery/bus';
import type { Owner } from '@orrery/projections';
import type { SignedInCaller, Target } from '../../auth/may.ts';
import type { Gateway } from '../../gateway.ts';

/** Whose limits they are, as an operation's target; undefined when there is no such key pair or user. */
export async function targetOf(
  { projections }: Pick<Gateway, 'projections'>,
  caller: SignedInCaller,
  { scope, key }: Owner,
): Promise<Target | undefined> {
  const { domain, projectId } = caller;
  const ownedBy = (ownerUserId: string): Target => ({ ownerUserId, domain, projectId });
  switch (scope) {
    case 'keypair': {
      const keypair = await projections.findKeypair(key);
      return keypair && ownedBy(keypair.userId);
    }
    case 'user': {
      const user = await projections.findUser(key);
      return user && ownedBy(user.id);
    }
    case 'project':
      return ownedBy(key === projectId ? caller.userId : NOBODY);
    case 'domain':
      return ownedBy(key === domain ? caller.userId : NOBODY);
    default:
      return scope satisfies never;
  }
}

/** No user has an empty id. */
const NOBODY = '';

/** What a caller is limited by. */
export function ownersOf(caller: SignedInCaller): readonly Owner[] {
  const { accessKey, userId, projectId, domain } = caller;
  const owner = (scope: LimitScope, key: string): Owner => ({ scope, key });
  return [
    ...(accessKey === undefined ? [] : [owner('keypair', accessKey)]),
    owner('user', userId),
    owner('project', projectId),
    owner('domain', domain),
  ];
}
