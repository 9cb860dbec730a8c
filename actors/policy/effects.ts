import { limitsUnder, SCHEDULER_ID, type SchedulerCommand } from '@orrery/bus';
import type { Effect, Outgoing } from '../runtime/aggregate.ts';
import type { PolicySnapshot } from './machine.ts';

/** The scheduler learns what each key pair may hold for whom the policy counts. */
export function messages(effect: Effect, { context }: PolicySnapshot): readonly Outgoing[] {
  const { policy, holders } = context;
  if (policy?.kind !== 'keypair') return [];
  const limits = limitsUnder(policy);
  const concerned =
    effect.type === 'limitHolder'
      ? [(effect.params as { readonly holder: string }).holder]
      : holders;
  return concerned.map((key) => {
    const command: SchedulerCommand = {
      type: 'set-limits',
      scope: 'keypair',
      key,
      limits,
      from: 'owner',
    };
    return { to: 'actor', aggregate: 'scheduler', id: SCHEDULER_ID, command };
  });
}
