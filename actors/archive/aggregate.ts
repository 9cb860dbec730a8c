import { ARCHIVE_SCHEMA_VERSION, ArchiveCommand, type ArchiveEvent } from '@orrery/bus';
import { compile } from '../runtime/compiled-machine.ts';
import { machineAggregate } from '../runtime/machine-aggregate.ts';
import { decide } from './decide.ts';
import { type ArchiveSnapshot, archiveMachine } from './machine.ts';

export const archiveAggregate = machineAggregate<ArchiveSnapshot, ArchiveCommand, ArchiveEvent>({
  name: 'archive',
  schemaVersion: ARCHIVE_SCHEMA_VERSION,
  rules: compile(archiveMachine),
  parseCommand: (command) => ArchiveCommand.parse(command),
  decide,
  messages: () => [],
  reconcile: () => [],
});
