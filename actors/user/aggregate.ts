import { USER_SCHEMA_VERSION, UserCommand, type UserEvent } from '@orrery/bus';
import { compile } from '../runtime/compiled-machine.ts';
import { machineAggregate } from '../runtime/machine-aggregate.ts';
import { decide } from './decide.ts';
import { messages } from './effects.ts';
import { type UserSnapshot, userMachine } from './machine.ts';

export const userAggregate = machineAggregate<UserSnapshot, UserCommand, UserEvent>({
  name: 'user',
  storedVersion: 3,
  schemaVersion: USER_SCHEMA_VERSION,
  rules: compile(userMachine),
  parseCommand: (command) => UserCommand.parse(command),
  decide,
  messages,
  reconcile: () => [],
});
