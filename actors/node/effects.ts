import { known, type NodeCapacity, SCHEDULER_ID } from '@orrery/bus';
import type { Effect, Outgoing } from '../runtime/aggregate.ts';
import type { NodeSnapshot } from './machine.ts';

/** The one effect a node has: the scheduler learns what it may give away there. */
export function messages(
  _effect: Effect,
  node: NodeSnapshot,
  { id }: { readonly id: string },
): readonly Outgoing[] {
  const { resourceGroup, architecture, slots } = known(node.context.facts);
  const isSchedulable = node.matches('alive') && node.context.isSchedulable;
  const capacity: NodeCapacity = { node: id, resourceGroup, architecture, slots, isSchedulable };
  return [
    {
      to: 'actor',
      aggregate: 'scheduler',
      id: SCHEDULER_ID,
      command: { type: 'update-node', capacity } as { readonly type: string },
    },
  ];
}

export function reconcile(node: NodeSnapshot): readonly Effect[] {
  return node.matches('absent') ? [] : [{ type: 'tellScheduler' }];
}
