import { PRESET_SCHEMA_VERSION, PresetCommand, type PresetEvent } from '@orrery/bus';
import { compile } from '../runtime/compiled-machine.ts';
import { machineAggregate } from '../runtime/machine-aggregate.ts';
import { decide } from './decide.ts';
import { type PresetSnapshot, presetMachine } from './machine.ts';

export const presetAggregate = machineAggregate<PresetSnapshot, PresetCommand, PresetEvent>({
  name: 'preset',
  schemaVersion: PRESET_SCHEMA_VERSION,
  rules: compile(presetMachine),
  parseCommand: (command) => PresetCommand.parse(command),
  begins: (command) => command.type === 'create',
  decide,
  messages: () => [],
  reconcile: () => [],
});
