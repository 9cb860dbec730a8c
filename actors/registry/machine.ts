import type { RegistryEvent } from '@orrery/bus';
import { assign, setup } from 'xstate';
import type { StateOf } from '../runtime/compiled-machine.ts';

export interface RegistryContext {
  readonly url: string;
  readonly project: string | null;
  readonly login: { readonly username: string; readonly sealedPassword: string } | null;
}

/** A place that images come from. It has no states to leave by time. */
export const registryMachine = setup({
  types: { context: {} as RegistryContext, events: {} as RegistryEvent },
  actions: {
    remember: assign(({ event }) => remembered(event)),
  },
}).createMachine({
  id: 'registry',
  context: { url: '', project: null, login: null },
  initial: 'absent',
  states: {
    absent: { on: { 'registry-created': { target: 'known', actions: 'remember' } } },
    known: {
      on: {
        'registry-url-set': { actions: 'remember' },
        'registry-project-set': { actions: 'remember' },
        'registry-login-set': { actions: 'remember' },
        'registry-login-removed': { actions: 'remember' },
        'registry-deleted': 'absent',
      },
    },
  },
});

export type RegistrySnapshot = StateOf<typeof registryMachine>;

function remembered(event: RegistryEvent): Partial<RegistryContext> {
  switch (event.type) {
    case 'registry-created':
      return { url: event.url, project: null, login: null };
    case 'registry-url-set':
      return { url: event.url };
    case 'registry-project-set':
      return { project: event.project };
    case 'registry-login-set':
      return { login: { username: event.username, sealedPassword: event.sealedPassword } };
    case 'registry-login-removed':
      return { login: null };
    default:
      return {};
  }
}
