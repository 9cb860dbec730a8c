import type { AggregateName } from '@orrery/bus';
import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  initialTransition,
  transition,
} from 'xstate';
import type {
  Aggregate,
  Applied,
  Circumstances,
  Deadline,
  Decision,
  Effect,
  Outgoing,
} from './aggregate.ts';

/** The parts an entity's folder gives; everything else follows from its machine. */
export interface MachineParts<Snapshot extends AnyMachineSnapshot, Command, Event> {
  readonly name: AggregateName;
  readonly schemaVersion: number;
  readonly machine: AnyStateMachine;
  readonly parseCommand: (command: unknown) => Command;
  readonly begins?: (command: Command) => boolean;
  readonly decide: (
    snapshot: Snapshot,
    command: Command,
    circumstances: Circumstances,
  ) => Decision<Event>;
  readonly messages: (
    effect: Effect,
    snapshot: Snapshot,
    at: { readonly id: string; readonly revision: number },
  ) => readonly Outgoing[];
  readonly reconcile: (snapshot: Snapshot) => readonly Effect[];
}

/** An aggregate whose grammar and fold are an XState machine; deadlines are the `meta` of its states. */
export function machineAggregate<
  Snapshot extends AnyMachineSnapshot,
  Command,
  Event extends { readonly type: string },
>(parts: MachineParts<Snapshot, Command, Event>): Aggregate<Snapshot, Command, Event> {
  const { machine } = parts;
  const [initial] = initialTransition(machine);
  return {
    name: parts.name,
    schemaVersion: parts.schemaVersion,
    foldsInPlace: false,
    parseCommand: parts.parseCommand,
    initial: () => initial as Snapshot,
    ...(parts.begins === undefined ? {} : { begins: parts.begins }),
    decide: parts.decide,
    apply: (state, event) => applyEvent(machine, state, event),
    messages: parts.messages,
    reconcile: parts.reconcile,
    deadline: (state) => deadlineOf(state),
    describe: (state) => JSON.stringify(state.value).replaceAll('"', ''),
    serialise: (state) => ({ value: state.value, context: state.context }),
    deserialise: (stored) => machine.resolveState(stored as never) as Snapshot,
  };
}

/** One event folded: the next state and the effects it names; undefined when it is not legal now. */
export function applyEvent<Snapshot extends AnyMachineSnapshot>(
  machine: AnyStateMachine,
  state: Snapshot,
  event: { readonly type: string },
): Applied<Snapshot> | undefined {
  if (!state.can(event)) return undefined;
  const [next, actions] = transition(machine, state, event as never);
  return {
    state: next as Snapshot,
    effects: actions.map(({ type, params }) => ({ type, params })),
  };
}

function deadlineOf(state: { readonly value: unknown; getMeta(): object }): Deadline | undefined {
  for (const meta of Object.values(state.getMeta())) {
    if (meta !== undefined) return { phase: JSON.stringify(state.value), ...meta };
  }
  return undefined;
}
