import type { ImageEvent, ImageFacts } from '@orrery/bus';
import { assign, setup } from 'xstate';
import type { StateOf } from '../runtime/compiled-machine.ts';

export interface ImageContext {
  readonly reference?: string;
  /** Facts by the name of each node that has it. */
  readonly nodes: Readonly<Record<string, ImageFacts>>;
  /** What its registry had when it was asked last; absent: it was not. */
  readonly platforms?: readonly ImageFacts[];
  /** Of an alias. */
  readonly target?: string;
}

/** An image that sessions may name, and where it is; or another name for one. It has no states to leave by time. */
export const imageMachine = setup({
  types: { context: {} as ImageContext, events: {} as ImageEvent },
  actions: {
    remember: assign(({ context, event }) => remembered(context, event)),
  },
}).createMachine({
  id: 'image',
  context: { nodes: {} },
  initial: 'absent',
  states: {
    absent: {
      on: {
        'image-registered': { target: 'registered', actions: 'remember' },
        'image-aliased': { target: 'alias', actions: 'remember' },
      },
    },
    registered: {
      on: {
        'image-found': { actions: 'remember' },
        'image-gone': { actions: 'remember' },
        'image-scanned': { actions: 'remember' },
        'image-forgotten': 'absent',
      },
    },
    alias: {
      on: {
        'image-aliased': { actions: 'remember' },
        'image-dealiased': 'absent',
      },
    },
  },
});

export type ImageSnapshot = StateOf<typeof imageMachine>;

function remembered(context: ImageContext, event: ImageEvent): Partial<ImageContext> {
  switch (event.type) {
    case 'image-registered':
      return { reference: event.reference };
    case 'image-found':
      return { nodes: { ...context.nodes, [event.node]: event.facts } };
    case 'image-gone': {
      const { [event.node]: _, ...nodes } = context.nodes;
      return { nodes };
    }
    case 'image-scanned':
      return { platforms: event.platforms };
    case 'image-aliased':
      return { reference: event.alias, target: event.target };
    default:
      return {};
  }
}
