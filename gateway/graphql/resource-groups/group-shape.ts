import { DEFAULT_GROUP_POLICY, type GroupPolicy, type SessionDefaults } from '@orrery/bus';
import type { ListedGroup } from '@orrery/projections';
import type { GatewayContext } from '../context.ts';
import { toEnum } from '../enum-words.ts';
import { PRIORITY_USUAL } from '../sessions/front-limits.ts';
import { shapeScore } from '../sessions/start-forecast.ts';
import { shapeFairShare } from './fair-share-change.ts';

/** Reference: default of `max_retry_count`. */
const RETRIES_USUAL = 5;

interface Shown {
  readonly access: 'shown' | 'hidden';
  /** Name of the default group. */
  readonly defaultName: string;
}

/** The GraphQL type ResourceGroup. */
export function shapeGroup(group: ListedGroup, { access: shown, defaultName }: Shown): object {
  const policy = group.policy ?? DEFAULT_GROUP_POLICY;
  return {
    name: group.name,
    description: policy.description ?? null,
    isDefault: group.name === defaultName,
    isPublic: policy.access === undefined,
    isActive: policy.isActive ?? true,
    usesHostNetwork: policy.usesHostNetwork ?? false,
    access: shown === 'shown' ? (policy.access ?? null) : null,
    scheduler: toEnum(policy.ordering),
    agentSelectionStrategy: toEnum(policy.strategy),
    weights: policy.weights ?? null,
    allowedSessionTypes: policy.allowedSessionTypes.map(toEnum),
    pendingTimeoutSeconds: policy.pendingTimeoutMs / 1000,
    reservation: toEnum(policy.reservation),
    preemption: shapePreemption(policy.preemption),
    fairShare: shapeFairShare(policy),
    maxContainersPerAgent: policy.containersPerNodeMax ?? null,
    defaultSessionOptions: shapeSessionDefaults(policy.sessionDefaults ?? {}),
    agents: group.agents,
    schedulableAgents: group.schedulableAgents,
    pendingSessions: group.pendingSessions,
    availableSlots: group.availableSlots,
    occupiedSlots: group.occupiedSlots,
    setAt: group.setAtMs,
    forecastScore: async (_arguments: unknown, { loaders }: GatewayContext) => {
      const score = await loaders.forecastScoreOf(group.name);
      return score === undefined ? null : shapeScore(score);
    },
  };
}

function shapeSessionDefaults(defaults: SessionDefaults): object {
  return {
    priority: defaults.priority ?? PRIORITY_USUAL,
    jobPriority: defaults.jobPriority ?? 0,
    isPreemptible: defaults.isPreemptible ?? true,
    clusterMode: toEnum(defaults.clusterMode ?? 'single-node'),
    agentSelectionPolicy: toEnum(defaults.designation ?? 'strict'),
    maxRetryCount: defaults.attemptsMax ?? RETRIES_USUAL,
    allowFractionalResourceFragmentation: defaults.isFragmentable ?? true,
  };
}

function shapePreemption(preemption: GroupPolicy['preemption']): object {
  const { isEnabled, order, mode, runtimeMinMs, victimScope } = preemption;
  return {
    isEnabled,
    order: toEnum(order),
    mode: toEnum(mode),
    runtimeMinSeconds: runtimeMinMs / 1000,
    victimScope: toEnum(victimScope),
  };
}
