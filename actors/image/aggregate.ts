import { IMAGE_SCHEMA_VERSION, ImageCommand, type ImageEvent } from '@orrery/bus';
import { compile } from '../runtime/compiled-machine.ts';
import { machineAggregate } from '../runtime/machine-aggregate.ts';
import { decide } from './decide.ts';
import { type ImageSnapshot, imageMachine } from './machine.ts';

export const imageAggregate = machineAggregate<ImageSnapshot, ImageCommand, ImageEvent>({
  name: 'image',
  schemaVersion: IMAGE_SCHEMA_VERSION,
  rules: compile(imageMachine),
  parseCommand: (command) => ImageCommand.parse(command),
  begins: (command) => command.type === 'register',
  decide,
  messages: () => [],
  reconcile: () => [],
});
