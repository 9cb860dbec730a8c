import type { PolicyEvent, ResourcePolicy } from '@orrery/bus';
import { assign, setup } from 'xstate';
import type { StateOf } from '../runtime/compiled-machine.ts';

export interface PolicyContext {
  readonly name?: string;
  readonly policy?: ResourcePolicy;
  /** Access keys, users or projects for whom it counts. */
  readonly holders: readonly string[];
}

interface At {
  readonly event: PolicyEvent;
}

const limitHolder = {
  type: 'limitHolder',
  params: ({ event }: At) => ({ holder: 'holder' in event ? event.holder : '' }),
} as const;

/** What a key pair, a user or a project may have. It has no states to leave by time. */
export const policyMachine = setup({
  types: { context: {} as PolicyContext, events: {} as PolicyEvent },
  actions: {
    remember: assign(({ context, event }) => remembered(context, event)),
    limitAll: () => {},
    limitHolder: (_, _params: { readonly holder: string }) => {},
  },
}).createMachine({
  id: 'policy',
  context: { holders: [] },
  initial: 'absent',
  states: {
    absent: { on: { 'policy-set': { target: 'present', actions: ['remember', 'limitAll'] } } },
    present: {
      on: {
        'policy-set': { actions: ['remember', 'limitAll'] },
        'policy-bound': { actions: ['remember', limitHolder] },
        'policy-unbound': { actions: 'remember' },
        'policy-deleted': { target: 'absent', actions: 'remember' },
      },
    },
  },
});

export type PolicySnapshot = StateOf<typeof policyMachine>;

function remembered({ holders }: PolicyContext, event: PolicyEvent): Partial<PolicyContext> {
  switch (event.type) {
    case 'policy-set':
      return { name: event.name, policy: event.policy };
    case 'policy-bound':
      return { holders: [...holders, event.holder] };
    case 'policy-unbound':
      return { holders: holders.filter((holder) => holder !== event.holder) };
    case 'policy-deleted':
      return { holders: [] };
    default:
      return {};
  }
}
