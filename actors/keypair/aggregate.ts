import { KEYPAIR_SCHEMA_VERSION, KeypairCommand, type KeypairEvent } from '@orrery/bus';
import { compile } from '../runtime/compiled-machine.ts';
import { machineAggregate } from '../runtime/machine-aggregate.ts';
import { decide } from './decide.ts';
import { messages } from './effects.ts';
import { type KeypairSnapshot, keypairMachine } from './machine.ts';

export const keypairAggregate = machineAggregate<KeypairSnapshot, KeypairCommand, KeypairEvent>({
  name: 'keypair',
  storedVersion: 2,
  schemaVersion: KEYPAIR_SCHEMA_VERSION,
  rules: compile(keypairMachine),
  parseCommand: (command) => KeypairCommand.parse(command),
  decide,
  messages,
  reconcile: () => [],
});
