import {
  keepsSessionsAway,
  known,
  type NodeCapacity,
  SCHEDULER_ID,
  type SchedulerCommand,
} from '@orrery/bus';
import type { Effect, Outgoing } from '../runtime/aggregate.ts';
import type { NodeSnapshot } from './machine.ts';

/** The scheduler learns what it may give away there, or that whoever is there has to go. */
export function messages(
  effect: Effect,
  node: NodeSnapshot,
  { id, revision }: { readonly id: string; readonly revision: number },
): readonly Outgoing[] {
  if (effect.type === 'evict') {
    const { mode = 'terminate' } = node.context.drain ?? {};
    return [toScheduler({ type: 'evict', node: id, mode, revision })];
  }
  if (effect.type === 'tellLost' || effect.type === 'tellReturned') {
    const change = effect.type === 'tellLost' ? 'lost' : 'returned';
    return [toScheduler({ type: 'look-after-node', node: id, change })];
  }
  const facts = known(node.context.facts);
  const { resourceGroup, architecture, slots, containersMax, engine, troubles = [] } = facts;
  const isWell = !troubles.some(keepsSessionsAway);
  const isSchedulable = node.matches('alive') && node.context.isSchedulable && isWell;
  const place = { node: id, resourceGroup, architecture };
  const most = {
    ...(containersMax === undefined ? {} : { containersMax }),
    ...(engine === undefined ? {} : { engine }),
  };
  const capacity: NodeCapacity = { ...place, slots, ...most, isSchedulable, revision };
  return [toScheduler({ type: 'update-node', capacity })];
}

function toScheduler(command: SchedulerCommand): Outgoing {
  return { to: 'actor', aggregate: 'scheduler', id: SCHEDULER_ID, command };
}

/** Whoever is still there after a drain is told to go once more: the word of it may have been lost. */
export function reconcile(node: NodeSnapshot): readonly Effect[] {
  if (node.matches('absent')) return [];
  const isDue = node.context.drain?.isDue === true;
  return [{ type: 'tellScheduler' }, ...(isDue ? [{ type: 'evict' }] : [])];
}
