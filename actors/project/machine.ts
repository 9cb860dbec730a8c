import type { ProjectEvent, ProjectSettings } from '@orrery/bus';
import { assign, setup } from 'xstate';
import type { StateOf } from '../runtime/compiled-machine.ts';

export interface ProjectContext {
  readonly domain?: string;
  readonly settings?: ProjectSettings;
}

interface At {
  readonly context: ProjectContext;
  readonly event: ProjectEvent;
}

/** Named before the change is remembered: the policy that counted until then has to be told as well. */
const bindPolicy = {
  type: 'bindPolicy',
  params: ({ context, event }: At) => ({
    before: context.settings?.resourcePolicy,
    after: policyAfter(context, event),
  }),
} as const;

/** What users of one domain do together. It has no states to leave by time. */
export const projectMachine = setup({
  types: { context: {} as ProjectContext, events: {} as ProjectEvent },
  actions: {
    remember: assign(({ context, event }) => remembered(context, event)),
    tellScheduler: () => {},
    bindPolicy: (
      _,
      _params: { readonly before: string | undefined; readonly after: string | undefined },
    ) => {},
  },
}).createMachine({
  id: 'project',
  context: {},
  initial: 'absent',
  states: {
    absent: {
      on: {
        'project-created': {
          target: 'present',
          actions: [bindPolicy, 'remember', 'tellScheduler'],
        },
      },
    },
    present: {
      on: {
        'project-changed': { actions: [bindPolicy, 'remember', 'tellScheduler'] },
        'project-purged': { target: 'purged', actions: [bindPolicy, 'remember', 'tellScheduler'] },
      },
    },
    /** Its sessions keep its id, so that another one never gets it. */
    purged: {},
  },
});

export type ProjectSnapshot = StateOf<typeof projectMachine>;

function policyAfter({ settings }: ProjectContext, event: ProjectEvent): string | undefined {
  switch (event.type) {
    case 'project-created':
      return event.settings.resourcePolicy;
    case 'project-changed':
      return event.changes.resourcePolicy ?? settings?.resourcePolicy;
    default:
      return undefined;
  }
}

function remembered({ settings }: ProjectContext, event: ProjectEvent): Partial<ProjectContext> {
  switch (event.type) {
    case 'project-created':
      return { domain: event.domain, settings: event.settings };
    case 'project-changed':
      return settings === undefined ? {} : { settings: { ...settings, ...defined(event.changes) } };
    case 'project-purged':
      return settings === undefined ? {} : { settings: { ...settings, totalResourceSlots: {} } };
    default:
      return {};
  }
}

function defined(changes: object): Partial<ProjectSettings> {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
}
