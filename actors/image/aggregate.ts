import { IMAGE_SCHEMA_VERSION, ImageCommand, type ImageEvent } from '@orrery/bus';
import { machineAggregate } from '../runtime/machine-aggregate.ts';
import { decide } from './decide.ts';
import { type ImageSnapshot, imageMachine } from './machine.ts';

export const imageAggregate = machineAggregate<ImageSnapshot, ImageCommand, ImageEvent>({
  name: 'image',
  schemaVersion: IMAGE_SCHEMA_VERSION,
  machine: imageMachine,
  parseCommand: (command) => ImageCommand.parse(command),
  decide,
  messages: () => [],
  reconcile: () => [],
});
