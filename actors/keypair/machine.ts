import type { KeypairEvent } from '@orrery/bus';
import { assign, setup } from 'xstate';
import type { StateOf } from '../runtime/compiled-machine.ts';

export interface KeypairContext {
  readonly userId?: string;
}

/** An access key and its sealed secret, with which requests are signed. */
export const keypairMachine = setup({
  types: { context: {} as KeypairContext, events: {} as KeypairEvent },
  actions: {
    remember: assign(({ event }) =>
      event.type === 'keypair-created' ? { userId: event.userId } : {},
    ),
  },
}).createMachine({
  id: 'keypair',
  context: {},
  initial: 'absent',
  states: {
    absent: { on: { 'keypair-created': { target: 'active', actions: 'remember' } } },
    active: { on: { 'keypair-deactivated': 'inactive' } },
    inactive: {},
  },
});

export type KeypairSnapshot = StateOf<typeof keypairMachine>;
