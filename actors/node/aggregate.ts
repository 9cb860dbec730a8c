import { NODE_SCHEMA_VERSION, NodeCommand, type NodeEvent } from '@orrery/bus';
import { compile } from '../runtime/compiled-machine.ts';
import { machineAggregate } from '../runtime/machine-aggregate.ts';
import { decide } from './decide.ts';
import { messages, reconcile } from './effects.ts';
import { deadlineAtMs, type NodeSnapshot, nodeMachine } from './machine.ts';

export const nodeAggregate = machineAggregate<NodeSnapshot, NodeCommand, NodeEvent>({
  name: 'node',
  storedVersion: 2,
  schemaVersion: NODE_SCHEMA_VERSION,
  rules: compile(nodeMachine),
  parseCommand: (command) => NodeCommand.parse(command),
  decide,
  messages,
  reconcile,
  deadlineAtMs,
});
