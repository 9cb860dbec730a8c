import { DEFAULT_GROUP_POLICY, type GroupPolicy } from '@orrery/bus';
import type { ListedGroup } from '@orrery/projections';
import { toEnum } from '../enum-words.ts';
import { DEFAULT_RESOURCE_GROUP } from '../sessions/session-request.ts';
import { shapeFairShare } from './fair-share-change.ts';

/** The GraphQL type ResourceGroup. */
export function shapeGroup(
  group: ListedGroup,
  { access: shown }: { readonly access: 'shown' | 'hidden' },
): object {
  const policy = group.policy ?? DEFAULT_GROUP_POLICY;
  return {
    name: group.name,
    description: policy.description ?? null,
    isDefault: group.name === DEFAULT_RESOURCE_GROUP,
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
    agents: group.agents,
    schedulableAgents: group.schedulableAgents,
    pendingSessions: group.pendingSessions,
    availableSlots: group.availableSlots,
    occupiedSlots: group.occupiedSlots,
    setAt: group.setAtMs,
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
