import type { ArchiveEvent } from '@orrery/bus';
import { assign, setup } from 'xstate';
import type { StateOf } from '../runtime/compiled-machine.ts';

export interface ArchiveContext {
  /** Of the newest segment; 0 and empty before the first. */
  readonly number: number;
  readonly manifestHash: string;
  /** Segments up to this number have left the stream. */
  readonly purged: number;
  /** The newest run that was asked for, and the newest that has ended. */
  readonly run: number;
  readonly finishedRun: number;
}

/** What was archived, in its order. It has no states to leave by time: its duty watches over the runs. */
export const archiveMachine = setup({
  types: { context: {} as ArchiveContext, events: {} as ArchiveEvent },
  actions: {
    remember: assign(({ context, event }) => remembered(context, event)),
  },
}).createMachine({
  id: 'archive',
  context: { number: 0, manifestHash: '', purged: 0, run: 0, finishedRun: 0 },
  initial: 'standing',
  states: {
    standing: {
      on: {
        'archive-run-requested': { actions: 'remember' },
        'segment-archived': { actions: 'remember' },
        'segment-purged': { actions: 'remember' },
        'archive-run-finished': { actions: 'remember' },
      },
    },
  },
});

export type ArchiveSnapshot = StateOf<typeof archiveMachine>;

function remembered(context: ArchiveContext, event: ArchiveEvent): Partial<ArchiveContext> {
  switch (event.type) {
    case 'archive-run-requested':
      return { run: event.run };
    case 'segment-archived':
      return { number: event.segment.number, manifestHash: event.segment.manifestHash };
    case 'segment-purged':
      return { purged: event.number };
    case 'archive-run-finished':
      return { finishedRun: Math.max(context.finishedRun, event.run) };
    default:
      return {};
  }
}
