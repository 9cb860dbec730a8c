import { POLICY_SCHEMA_VERSION, PolicyCommand, type PolicyEvent } from '@orrery/bus';
import { compile } from '../runtime/compiled-machine.ts';
import { machineAggregate } from '../runtime/machine-aggregate.ts';
import { decide } from './decide.ts';
import { messages } from './effects.ts';
import { type PolicySnapshot, policyMachine } from './machine.ts';

export const policyAggregate = machineAggregate<PolicySnapshot, PolicyCommand, PolicyEvent>({
  name: 'policy',
  schemaVersion: POLICY_SCHEMA_VERSION,
  rules: compile(policyMachine),
  parseCommand: (command) => PolicyCommand.parse(command),
  decide,
  messages,
  reconcile: () => [],
});
