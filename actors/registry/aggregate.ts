import { REGISTRY_SCHEMA_VERSION, RegistryCommand, type RegistryEvent } from '@orrery/bus';
import { compile } from '../runtime/compiled-machine.ts';
import { machineAggregate } from '../runtime/machine-aggregate.ts';
import { decide } from './decide.ts';
import { type RegistrySnapshot, registryMachine } from './machine.ts';

export const registryAggregate = machineAggregate<RegistrySnapshot, RegistryCommand, RegistryEvent>(
  {
    name: 'registry',
    schemaVersion: REGISTRY_SCHEMA_VERSION,
    rules: compile(registryMachine),
    parseCommand: (command) => RegistryCommand.parse(command),
    begins: (command) => command.type === 'create',
    decide,
    messages: () => [],
    reconcile: () => [],
  },
);
