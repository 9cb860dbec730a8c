import { SESSION_SCHEMA_VERSION, SessionCommand, type SessionEvent } from '@orrery/bus';
import { machineAggregate } from '../runtime/machine-aggregate.ts';
import { decide } from './decide.ts';
import { messages, reconcile } from './effects.ts';
import { type SessionSnapshot, sessionRules } from './machine.ts';

export const sessionAggregate = machineAggregate<SessionSnapshot, SessionCommand, SessionEvent>({
  name: 'session',
  schemaVersion: SESSION_SCHEMA_VERSION,
  rules: sessionRules,
  parseCommand: (command) => SessionCommand.parse(command),
  begins: (command) => command.type === 'enqueue',
  decide,
  messages,
  reconcile,
  storedVersion: 2,
  whenOver: 'archive',
});
