import { SCHEDULER_SCHEMA_VERSION, SchedulerCommand, type SchedulerEvent } from '@orrery/bus';
import type { Aggregate } from '../runtime/aggregate.ts';
import { decide } from './decide.ts';
import { effectsOf, messages } from './effects.ts';
import { deserialise, emptyState, fold, type SchedulerState, serialise } from './state.ts';

/** A plain fold in place: its state is one large index. */
export const schedulerAggregate: Aggregate<SchedulerState, SchedulerCommand, SchedulerEvent> = {
  name: 'scheduler',
  schemaVersion: SCHEDULER_SCHEMA_VERSION,
  foldsInPlace: true,
  parseCommand: (command) => SchedulerCommand.parse(command),
  initial: emptyState,
  decide,
  apply: (state, event) => {
    fold(state, event);
    return { state, effects: effectsOf(event) };
  },
  effectsOf,
  messages: (effect, state) => messages(effect, state),
  reconcile: () => [],
  deadline: () => undefined,
  describe: (state) => `${state.queue.size} waiting, ${state.allocations.size} placed`,
  serialise,
  deserialise,
};
