import type { UserEvent, UserProfile } from '@orrery/bus';
import { assign, setup } from 'xstate';
import type { StateOf } from '../runtime/compiled-machine.ts';

export interface UserContext {
  readonly profile?: UserProfile;
  readonly passwordHash?: string;
}

/** A person who may sign in. */
export const userMachine = setup({
  types: { context: {} as UserContext, events: {} as UserEvent },
  actions: {
    remember: assign(({ event }) => remembered(event)),
  },
}).createMachine({
  id: 'user',
  context: {},
  initial: 'absent',
  states: {
    absent: { on: { 'user-registered': { target: 'active', actions: 'remember' } } },
    active: {
      on: {
        'user-password-changed': { actions: 'remember' },
        'user-deactivated': 'inactive',
      },
    },
    inactive: {},
  },
});

export type UserSnapshot = StateOf<typeof userMachine>;

function remembered(event: UserEvent): Partial<UserContext> {
  switch (event.type) {
    case 'user-registered':
      return { profile: event.profile, passwordHash: event.passwordHash };
    case 'user-password-changed':
      return { passwordHash: event.passwordHash };
    default:
      return {};
  }
}
