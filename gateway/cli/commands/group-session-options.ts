import {
  AGENT_SELECTION_POLICIES,
  CLUSTER_MODES,
  type ResourceGroup,
  type ResourceGroupInput,
} from '../../client/administration-model.ts';
import { hyphened, oneOf } from './gateway-words.ts';

/** What sessions have that say nothing, as options of `admin group set`. */
export interface SessionDefaultOptions {
  readonly sessionPriority?: number;
  readonly sessionJobPriority?: number;
  readonly sessionPreemptible?: 'on' | 'off';
  readonly sessionClusterMode?: string;
  readonly sessionAgents?: string;
  readonly sessionRetries?: number;
  readonly sessionFragmentation?: 'on' | 'off';
}

/** Undefined when nothing of it was given. */
export function sessionDefaultsOf(
  options: SessionDefaultOptions,
): ResourceGroupInput['defaultSessionOptions'] {
  const given = {
    priority: options.sessionPriority,
    jobPriority: options.sessionJobPriority,
    isPreemptible: options.sessionPreemptible && options.sessionPreemptible === 'on',
    clusterMode: oneOf(CLUSTER_MODES, options.sessionClusterMode),
    agentSelectionPolicy: oneOf(AGENT_SELECTION_POLICIES, options.sessionAgents),
    maxRetryCount: options.sessionRetries,
    allowFractionalResourceFragmentation:
      options.sessionFragmentation && options.sessionFragmentation === 'on',
  };
  return Object.values(given).some((value) => value !== undefined) ? given : undefined;
}

export function wordSessionDefaults({ defaultSessionOptions: defaults }: ResourceGroup): string {
  const { priority, jobPriority, isPreemptible, clusterMode, agentSelectionPolicy } = defaults;
  const { maxRetryCount, allowFractionalResourceFragmentation: isFragmentable } = defaults;
  return [
    `priority ${priority}`,
    `job priority ${jobPriority}`,
    isPreemptible ? 'preemptible' : 'not preemptible',
    hyphened(clusterMode),
    `named agents ${hyphened(agentSelectionPolicy)}`,
    maxRetryCount === 0 ? 'started until it works' : `given up after ${maxRetryCount} starts`,
    isFragmentable ? 'shares in pieces' : 'shares in one piece',
  ].join(', ');
}
