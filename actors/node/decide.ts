import {
  err,
  type NodeCommand,
  type NodeEvent,
  type NodeFacts,
  ok,
  unreachable,
} from '@orrery/bus';
import type { Circumstances, Decision } from '../runtime/aggregate.ts';
import type { NodeSnapshot } from './machine.ts';

export function decide(
  node: NodeSnapshot,
  command: NodeCommand,
  { id }: Pick<Circumstances, 'id'>,
): Decision<NodeEvent> {
  if (command.type === 'register') return register(node, command.facts, id);
  if (node.matches('absent')) {
    return err({
      code: 'node-unknown',
      message: 'no agent has registered under this name',
      field: 'node',
    });
  }
  switch (command.type) {
    case 'lose': {
      const { lastSeenAtMs } = command;
      return ok({ events: node.matches('alive') ? [{ type: 'node-lost', lastSeenAtMs }] : [] });
    }
    case 'return':
      return ok({ events: node.matches('lost') ? [{ type: 'node-returned' }] : [] });
    case 'leave':
      return ok({
        events: node.matches('terminated')
          ? []
          : [{ type: 'node-terminated', reason: command.reason }],
      });
    case 'set-schedulable': {
      const { isSchedulable } = command;
      if (node.context.isSchedulable === isSchedulable) return ok({ events: [] });
      return ok({ events: [{ type: 'node-schedulable-set', isSchedulable }] });
    }
    case 'pass-deadline':
      return ok({ events: [] });
    default:
      return unreachable(command);
  }
}

function register(node: NodeSnapshot, facts: NodeFacts, id: string): Decision<NodeEvent> {
  if (node.matches('absent')) return ok({ events: [{ type: 'node-registered', node: id, facts }] });
  const events: NodeEvent[] = [];
  if (!node.matches('alive')) events.push({ type: 'node-returned' });
  if (JSON.stringify(node.context.facts) !== JSON.stringify(facts)) {
    events.push({ type: 'node-facts-changed', facts });
  }
  return ok({ events });
}
