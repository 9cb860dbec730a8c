import type { Gateway } from '../../gateway.ts';
import { toEnum } from '../enum-words.ts';
import type { AskedSession, CreateSessionInput } from './create-session-input.ts';
import { PRIORITY_USUAL } from './front-limits.ts';

/** What is left out is as the resource group says, and the group itself is the default one. */
export async function withGroupDefaults(
  { groupRules }: Pick<Gateway, 'groupRules'>,
  asked: AskedSession,
): Promise<CreateSessionInput> {
  const resourceGroup = asked.resourceGroup ?? (await groupRules.defaultName());
  const defaults = await groupRules.sessionDefaults(resourceGroup);
  const clusterMode = defaults.clusterMode && toEnum(defaults.clusterMode);
  return {
    jobPriority: defaults.jobPriority,
    isPreemptible: defaults.isPreemptible,
    maxRetryCount: defaults.attemptsMax,
    allowFractionalResourceFragmentation: defaults.isFragmentable,
    isDesignationStrict: defaults.designation && defaults.designation === 'strict',
    ...asked,
    resourceGroup,
    priority: asked.priority ?? defaults.priority ?? PRIORITY_USUAL,
    clusterMode: asked.clusterMode ?? (clusterMode as AskedSession['clusterMode']),
  };
}
