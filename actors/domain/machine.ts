import type { DomainEvent, DomainSettings } from '@orrery/bus';
import { assign, setup } from 'xstate';
import type { StateOf } from '../runtime/compiled-machine.ts';

export interface DomainContext {
  readonly name?: string;
  readonly settings?: DomainSettings;
}

/** Users and projects that know nothing of those in other domains. It has no states to leave by time. */
export const domainMachine = setup({
  types: { context: {} as DomainContext, events: {} as DomainEvent },
  actions: {
    remember: assign(({ context, event }) => remembered(context, event)),
    tellScheduler: () => {},
  },
}).createMachine({
  id: 'domain',
  context: {},
  initial: 'absent',
  states: {
    absent: {
      on: { 'domain-created': { target: 'present', actions: ['remember', 'tellScheduler'] } },
    },
    present: {
      on: {
        'domain-changed': { actions: ['remember', 'tellScheduler'] },
        'domain-purged': { target: 'purged', actions: ['remember', 'tellScheduler'] },
      },
    },
    /** Its sessions keep its name, so that another one never gets it. */
    purged: {},
  },
});

export type DomainSnapshot = StateOf<typeof domainMachine>;

function remembered({ settings }: DomainContext, event: DomainEvent): Partial<DomainContext> {
  switch (event.type) {
    case 'domain-created':
      return { name: event.name, settings: event.settings };
    case 'domain-changed':
      return settings === undefined ? {} : { settings: { ...settings, ...defined(event.changes) } };
    case 'domain-purged':
      return settings === undefined ? {} : { settings: { ...settings, totalResourceSlots: {} } };
    default:
      return {};
  }
}

function defined(changes: object): Partial<DomainSettings> {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
}
