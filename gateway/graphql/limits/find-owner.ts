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
  switch (scope) {
    case 'keypair': {
      const keypair = await projections.findKeypair(key);
      return keypair && (await ownedBy(projections, keypair.userId));
    }
    case 'user':
      return await ownedBy(projections, key);
    case 'project': {
      const isMember = caller.projects.some(({ projectId }) => projectId === key);
      const project = await projections.findProject(key, { kind: 'all' });
      return {
        ownerUserId: isMember ? caller.userId : NOBODY,
        domain: project?.domain ?? NOBODY,
        projectId: key,
      };
    }
    case 'domain':
      return {
        ownerUserId: key === caller.domain ? caller.userId : NOBODY,
        domain: key,
        projectId: NOBODY,
      };
    default:
      return scope satisfies never;
  }
}

async function ownedBy(
  projections: Gateway['projections'],
  userId: string,
): Promise<Target | undefined> {
  const user = await projections.findUser(userId);
  return user && { ownerUserId: user.id, domain: user.domain, projectId: user.projectId };
}

/** No user, domain or project is named so. */
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
