import type { LimitScope, SchedulerEvent } from '@orrery/bus';
import { instantMs, type Moment } from './moment.ts';
import type { LimitsRow, ResourceGroupRow } from './rows.ts';

/** What an administrator has said of a resource group, or of what an owner may hold. */
export type GroupEvent = Extract<
  SchedulerEvent,
  { readonly type: 'group-policy-set' | 'group-removed' }
>;
export type LimitsEvent = Extract<SchedulerEvent, { readonly type: 'limits-set' }>;

export function projectResourceGroup(event: GroupEvent, at: Moment): ResourceGroupRow {
  return {
    name: event.group,
    policy: event.type === 'group-policy-set' ? event.policy : null,
    setAtMs: instantMs(at.recordedAtMs),
    sequence: at.sequence,
  };
}

export function projectLimits({ scope, key, limits }: LimitsEvent, at: Moment): LimitsRow {
  const setAtMs = instantMs(at.recordedAtMs);
  return { id: limitsId(scope, key), scope, key, limits, setAtMs, sequence: at.sequence };
}

export function limitsId(scope: LimitScope, key: string): string {
  return `${scope}:${key}`;
}
