import type { AggregateName } from '@orrery/bus';
import type {
  Aggregate,
  Circumstances,
  Deadline,
  Decision,
  Effect,
  Outgoing,
} from './aggregate.ts';
import type { CompiledMachine, MachineState } from './compiled-machine.ts';

/** The parts an entity's folder gives; everything else follows from its machine. */
export interface MachineParts<State, Command, Event> {
  readonly name: AggregateName;
  readonly schemaVersion: number;
  readonly rules: CompiledMachine<State>;
  readonly parseCommand: (command: unknown) => Command;
  readonly begins?: (command: Command) => boolean;
  readonly decide: (
    state: State,
    command: Command,
    circumstances: Circumstances,
  ) => Decision<Event>;
  readonly messages: (
    effect: Effect,
    state: State,
    at: { readonly id: string; readonly revision: number },
  ) => readonly Outgoing[];
  readonly reconcile: (state: State) => readonly Effect[];
}

/** An aggregate whose grammar and fold are an XState machine; deadlines are the `meta` of its states. */
export function machineAggregate<
  State extends MachineState<unknown, string>,
  Command,
  Event extends { readonly type: string },
>(parts: MachineParts<State, Command, Event>): Aggregate<State, Command, Event> {
  const { rules } = parts;
  const deadlines = new Map<string, Deadline | undefined>();
  const deadlineOf = (value: string): Deadline | undefined => {
    const meta = rules.metaOf(value) as Omit<Deadline, 'phase'> | undefined;
    return meta && { phase: value, ...meta };
  };
  return {
    name: parts.name,
    schemaVersion: parts.schemaVersion,
    foldsInPlace: false,
    parseCommand: parts.parseCommand,
    initial: () => rules.initial,
    ...(parts.begins === undefined ? {} : { begins: parts.begins }),
    decide: parts.decide,
    apply: (state, event) => rules.apply(state, event),
    messages: parts.messages,
    reconcile: parts.reconcile,
    deadline: ({ value }) => {
      if (!deadlines.has(value)) deadlines.set(value, deadlineOf(value));
      return deadlines.get(value);
    },
    describe: ({ value }) => value,
    serialise: ({ value, context }) => ({ value, context }),
    deserialise: (stored) => rules.resolve(stored as { value: string; context: unknown }),
  };
}
