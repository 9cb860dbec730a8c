import { DOMAIN_SCHEMA_VERSION, DomainCommand, type DomainEvent } from '@orrery/bus';
import { compile } from '../runtime/compiled-machine.ts';
import { machineAggregate } from '../runtime/machine-aggregate.ts';
import { decide } from './decide.ts';
import { messages } from './effects.ts';
import { type DomainSnapshot, domainMachine } from './machine.ts';

export const domainAggregate = machineAggregate<DomainSnapshot, DomainCommand, DomainEvent>({
  name: 'domain',
  schemaVersion: DOMAIN_SCHEMA_VERSION,
  rules: compile(domainMachine),
  parseCommand: (command) => DomainCommand.parse(command),
  decide,
  messages,
  reconcile: () => [],
});
