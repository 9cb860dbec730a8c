import {
  isKnownEvent,
  SCHEDULER_ID,
  SCHEDULER_SCHEMA_VERSION,
  SchedulerCommand,
  type SchedulerEvent,
} from '@orrery/bus';
import type { Aggregate, Deadline } from '../runtime/aggregate.ts';
import { decide } from './decide.ts';
import { effectsOf, messages } from './effects.ts';
import { fold } from './fold.ts';
import { conclude } from './pass.ts';
import { emptyState, type SchedulerState } from './state.ts';
import { restore, STORED_VERSION, serialise } from './stored-state.ts';

/** Commands of one turn: a burst needs few commits, and none of them is large. */
const COMMANDS_MAX = 256;

/** How long it may be quiet before it looks whether a moment was missed. */
const RECONCILE_MS = 600_000;

/** A plain fold in place: its state is one large index. */
export const schedulerAggregate: Aggregate<SchedulerState, SchedulerCommand, SchedulerEvent> = {
  name: 'scheduler',
  schemaVersion: SCHEDULER_SCHEMA_VERSION,
  foldsInPlace: true,
  singleton: SCHEDULER_ID,
  takesTogether: { commandsMax: COMMANDS_MAX, conclude },
  knows: (type) => isKnownEvent('scheduler', type),
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
  deadline: deadlineOf,
  describe: (state) => `${state.queue.size} waiting, ${state.allocations.size} placed`,
  storedVersion: STORED_VERSION,
  serialise,
  restore,
};

/** The moment at which time alone may change what is placed or may stay; at once when it is not known who waits for what. */
function deadlineOf({
  groups,
  queue,
  firstExpiryMs,
  asksAtMs,
}: SchedulerState): Deadline | undefined {
  let deadlineAtMs = Math.min(firstExpiryMs, asksAtMs);
  if (queue.size === 0 && deadlineAtMs === Number.POSITIVE_INFINITY) return undefined;
  for (const { lookAgainAtMs, waiting } of groups.values())
    if (waiting.size > 0) deadlineAtMs = Math.min(deadlineAtMs, lookAgainAtMs ?? 0);
  if (deadlineAtMs === Number.POSITIVE_INFINITY) return undefined;
  return { phase: `until ${deadlineAtMs}`, reconcileMs: RECONCILE_MS, deadlineAtMs };
}
