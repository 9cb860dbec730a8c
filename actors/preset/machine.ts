import type { PresetEvent, Slots } from '@orrery/bus';
import { assign, setup } from 'xstate';
import type { StateOf } from '../runtime/compiled-machine.ts';

export interface PresetContext {
  readonly slots: Slots;
  readonly sharedMemoryBytes: number | null;
}

/** A bundle of slots that people choose by name. It has no states to leave by time. */
export const presetMachine = setup({
  types: { context: {} as PresetContext, events: {} as PresetEvent },
  actions: {
    remember: assign(({ event }) => remembered(event)),
  },
}).createMachine({
  id: 'preset',
  context: { slots: {}, sharedMemoryBytes: null },
  initial: 'absent',
  states: {
    absent: { on: { 'preset-created': { target: 'offered', actions: 'remember' } } },
    offered: {
      on: {
        'preset-slots-set': { actions: 'remember' },
        'preset-shared-memory-set': { actions: 'remember' },
        'preset-deleted': 'absent',
      },
    },
  },
});

export type PresetSnapshot = StateOf<typeof presetMachine>;

function remembered(event: PresetEvent): Partial<PresetContext> {
  switch (event.type) {
    case 'preset-created':
      return { slots: event.slots, sharedMemoryBytes: event.sharedMemoryBytes ?? null };
    case 'preset-slots-set':
      return { slots: event.slots };
    case 'preset-shared-memory-set':
      return { sharedMemoryBytes: event.sharedMemoryBytes };
    default:
      return {};
  }
}
