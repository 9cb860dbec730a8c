import type { KeypairEvent } from '@orrery/bus';
import { assign, setup } from 'xstate';
import type { StateOf } from '../runtime/compiled-machine.ts';

export interface KeypairContext {
  readonly userId?: string;
  readonly sealedSecret?: string;
  readonly isActive: boolean;
  readonly isAdmin: boolean;
  readonly rateLimit: number;
  readonly resourcePolicy?: string | undefined;
}

interface At {
  readonly context: KeypairContext;
  readonly event: KeypairEvent;
}

/** Named before the change is remembered: the policy that counted until then has to be told as well. */
const bindPolicy = {
  type: 'bindPolicy',
  params: ({ context, event }: At) => ({
    before: context.resourcePolicy,
    after: policyAfter(context, event),
  }),
} as const;

/** An access key and its sealed secret, with which requests are signed. */
export const keypairMachine = setup({
  types: { context: {} as KeypairContext, events: {} as KeypairEvent },
  actions: {
    remember: assign(({ event }) => remembered(event)),
    bindPolicy: (
      _,
      _params: { readonly before: string | undefined; readonly after: string | undefined },
    ) => {},
  },
}).createMachine({
  id: 'keypair',
  context: { isActive: false, isAdmin: false, rateLimit: 0 },
  initial: 'absent',
  states: {
    absent: { on: { 'keypair-created': { target: 'present', actions: [bindPolicy, 'remember'] } } },
    present: {
      on: {
        'keypair-changed': { actions: [bindPolicy, 'remember'] },
        'keypair-secret-rotated': { actions: 'remember' },
        'keypair-deactivated': { actions: 'remember' },
        'keypair-deleted': { target: 'deleted', actions: [bindPolicy, 'remember'] },
      },
    },
    deleted: {},
  },
});

export type KeypairSnapshot = StateOf<typeof keypairMachine>;

function policyAfter({ resourcePolicy }: KeypairContext, event: KeypairEvent): string | undefined {
  switch (event.type) {
    case 'keypair-created':
      return event.resourcePolicy;
    case 'keypair-changed':
      return event.changes.resourcePolicy ?? resourcePolicy;
    default:
      return undefined;
  }
}

function remembered(event: KeypairEvent): Partial<KeypairContext> {
  switch (event.type) {
    case 'keypair-created': {
      const { userId, sealedSecret, isAdmin, rateLimit, resourcePolicy, isActive = true } = event;
      return { userId, sealedSecret, isAdmin, rateLimit, resourcePolicy, isActive };
    }
    case 'keypair-changed':
      return defined(event.changes);
    case 'keypair-secret-rotated':
      return { sealedSecret: event.sealedSecret };
    case 'keypair-deactivated':
    case 'keypair-deleted':
      return { isActive: false };
    default:
      return {};
  }
}

function defined(changes: object): Partial<KeypairContext> {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
}
