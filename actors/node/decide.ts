import {
  err,
  type NodeCommand,
  type NodeEvent,
  type NodeFacts,
  ok,
  unreachable,
} from '@orrery/bus';
import type { Circumstances, Decision } from '../runtime/aggregate.ts';
import { deadlineAtMs, type NodeSnapshot } from './machine.ts';

export function decide(
  node: NodeSnapshot,
  command: NodeCommand,
  { id, nowMs }: Pick<Circumstances, 'id' | 'nowMs'>,
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
      const isSame = node.context.isSchedulable === isSchedulable;
      if (isSame && !(isSchedulable && node.context.drain)) return ok({ events: [] });
      return ok({ events: [{ type: 'node-schedulable-set', isSchedulable }] });
    }
    case 'drain':
      return drain(node, command, nowMs);
    case 'pass-deadline': {
      const dueAtMs = deadlineAtMs(node);
      const isDue = dueAtMs !== undefined && dueAtMs <= nowMs;
      return ok({ events: isDue ? [{ type: 'node-drain-due' }] : [] });
    }
    default:
      return unreachable(command);
  }
}

function drain(
  node: NodeSnapshot,
  { deadlineMs, mode }: Extract<NodeCommand, { readonly type: 'drain' }>,
  nowMs: number,
): Decision<NodeEvent> {
  const known = node.context.drain;
  const isWithoutEnd = deadlineMs === null && known?.deadlineAtMs === null;
  if (isWithoutEnd && known.mode === mode) return ok({ events: [] });
  const deadlineAtMs = deadlineMs === null ? null : nowMs + deadlineMs;
  const events: NodeEvent[] = [{ type: 'node-drain-begun', deadlineAtMs, mode }];
  if (deadlineMs === 0) events.push({ type: 'node-drain-due' });
  return ok({ events });
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
