import type { ListedGroup } from '@orrery/projections';
import { type Operation, reachOf, type SignedInCaller } from '../../auth/may.ts';
import type { Gateway } from '../../gateway.ts';
import { STANDING_GROUP } from './group-rules.ts';

/** The groups that the operation shows the caller: those they may use, or all. By name. */
export async function usableGroups(
  { projections }: Pick<Gateway, 'projections'>,
  caller: SignedInCaller,
  operation: Operation,
): Promise<readonly ListedGroup[]> {
  const groups = await projections.listResourceGroups({ always: STANDING_GROUP });
  if (reachOf(caller, operation) === 'any') return groups;
  return groups.filter((group) => isUsable(group, caller));
}

function isUsable({ policy }: ListedGroup, caller: SignedInCaller): boolean {
  const access = policy?.access;
  if (access === undefined) return true;
  const { domain, projects, accessKey } = caller;
  return (
    access.domains.includes(domain) ||
    projects.some(({ projectId }) => access.projects.includes(projectId)) ||
    (accessKey !== undefined && access.accessKeys.includes(accessKey))
  );
}
