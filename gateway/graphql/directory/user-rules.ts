import type { Membership, Rejection } from '@orrery/bus';
import type { GatewayContext } from '../context.ts';

/** Why the name cannot be taken: another user has it, in upper or lower case. */
export async function usernameRefusal(
  { gateway }: GatewayContext,
  { username, id }: { readonly username: string | undefined; readonly id: string | undefined },
): Promise<Rejection | undefined> {
  if (username === undefined) return undefined;
  const known = await gateway.projections.findVisibleUser({ username }, { kind: 'all' });
  if (known === undefined || known.id === id) return undefined;
  return {
    code: 'username-taken',
    message: 'there is a user of this name',
    field: 'username',
  };
}

/** Why a user cannot belong there: there is no such domain, or no such project in it. */
export async function placeRefusal(
  { gateway }: GatewayContext,
  place: { readonly domain: string; readonly projects: readonly Membership[] | undefined },
): Promise<Rejection | undefined> {
  const { domain, projects = [] } = place;
  const visibility = { kind: 'domain', domain, userId: '' } as const;
  if ((await gateway.projections.findDomain(domain, { kind: 'all' })) === undefined)
    return { code: 'domain-unknown', message: 'there is no such domain', field: 'domain' };
  for (const { projectId } of projects)
    if ((await gateway.projections.findProject(projectId, visibility)) === undefined)
      return {
        code: 'project-unknown',
        message: 'there is no such project in the domain of the user',
        field: 'projects',
      };
  return undefined;
}
