import type { Rejection } from '@orrery/bus';
import { mayPlaceIn, type SignedInCaller } from '../../auth/may.ts';
import type { Gateway } from '../../gateway.ts';

/** Why the caller's session cannot belong there; a place that is somebody else's is as good as none. */
export async function refusedPlace(
  { identities }: Pick<Gateway, 'identities'>,
  caller: SignedInCaller,
  place: { readonly domain: string; readonly projectId: string },
): Promise<Rejection | undefined> {
  if (!mayPlaceIn(caller, place)) return PROJECT_NOT_FOUND;
  const [domain, project] = await Promise.all([
    identities.findDomain(place.domain),
    identities.findProject(place.projectId),
  ]);
  if (domain === undefined || project?.domain !== place.domain) return PROJECT_NOT_FOUND;
  if (!domain.isActive)
    return { code: 'domain-inactive', message: 'the domain is not active', field: 'domain' };
  if (!project.isActive)
    return { code: 'project-inactive', message: 'the project is not active', field: 'projectId' };
  return undefined;
}

const PROJECT_NOT_FOUND: Rejection = {
  code: 'project-not-found',
  message: 'there is no such project in the domain, or none that you belong to',
  field: 'projectId',
};
