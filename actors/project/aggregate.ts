import { PROJECT_SCHEMA_VERSION, ProjectCommand, type ProjectEvent } from '@orrery/bus';
import { compile } from '../runtime/compiled-machine.ts';
import { machineAggregate } from '../runtime/machine-aggregate.ts';
import { decide } from './decide.ts';
import { messages } from './effects.ts';
import { type ProjectSnapshot, projectMachine } from './machine.ts';

export const projectAggregate = machineAggregate<ProjectSnapshot, ProjectCommand, ProjectEvent>({
  name: 'project',
  schemaVersion: PROJECT_SCHEMA_VERSION,
  rules: compile(projectMachine),
  parseCommand: (command) => ProjectCommand.parse(command),
  decide,
  messages,
  reconcile: () => [],
});
