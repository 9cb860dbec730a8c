import {
  directoryId,
  known,
  type OwnerLimits,
  type PolicyCommand,
  SCHEDULER_ID,
  type SchedulerCommand,
} from '@orrery/bus';
import type { Effect, Outgoing } from '../runtime/aggregate.ts';
import type { ProjectSnapshot } from './machine.ts';

/** The scheduler learns what the project may hold, and policies for whom they count. */
export function messages(
  effect: Effect,
  { context, value }: ProjectSnapshot,
  { id }: { readonly id: string },
): readonly Outgoing[] {
  if (effect.type === 'bindPolicy') {
    const { before, after } = effect.params as {
      readonly before?: string;
      readonly after?: string;
    };
    return before === after
      ? []
      : [...toPolicy(before, 'unbind', id), ...toPolicy(after, 'bind', id)];
  }
  const { totalResourceSlots: total } = known(context.settings);
  const says: OwnerLimits = Object.keys(total).length === 0 ? {} : { total };
  const limits = value === 'purged' ? null : says;
  const command: SchedulerCommand = {
    type: 'set-limits',
    scope: 'project',
    key: id,
    limits,
    from: 'owner',
  };
  return [{ to: 'actor', aggregate: 'scheduler', id: SCHEDULER_ID, command }];
}

function toPolicy(
  name: string | undefined,
  type: 'bind' | 'unbind',
  holder: string,
): readonly Outgoing[] {
  if (name === undefined) return [];
  const command: PolicyCommand = { type, holder };
  const policy = directoryId('policy', 'project', name);
  return [{ to: 'actor', aggregate: 'policy', id: policy, command }];
}
