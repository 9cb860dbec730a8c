import { known, type OwnerLimits, SCHEDULER_ID, type SchedulerCommand } from '@orrery/bus';
import type { Effect, Outgoing } from '../runtime/aggregate.ts';
import type { DomainSnapshot } from './machine.ts';

/** The scheduler learns what all users of the domain may hold together. */
export function messages(_effect: Effect, { context, value }: DomainSnapshot): readonly Outgoing[] {
  const { totalResourceSlots: total } = known(context.settings);
  const says: OwnerLimits = Object.keys(total).length === 0 ? {} : { total };
  const limits = value === 'purged' ? null : says;
  const command: SchedulerCommand = {
    type: 'set-limits',
    scope: 'domain',
    key: known(context.name),
    limits,
    from: 'owner',
  };
  return [{ to: 'actor', aggregate: 'scheduler', id: SCHEDULER_ID, command }];
}
