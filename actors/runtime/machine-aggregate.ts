import { type AggregateName, isKnownEvent } from '@orrery/bus';
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
  /** To be raised with each change of the machine's context; default 1. */
  readonly storedVersion?: number;
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
  /** A moment at which a state has to end that is known from its context only. */
  readonly deadlineAtMs?: (state: State) => number | undefined;
  /** What becomes of it once its machine has come to an end; default: it stays in the stream. */
  readonly whenOver?: 'archive';
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
    knows: (type) => isKnownEvent(parts.name, type),
    parseCommand: parts.parseCommand,
    initial: () => rules.initial,
    ...(parts.begins === undefined ? {} : { begins: parts.begins }),
    decide: parts.decide,
    apply: (state, event) => rules.apply(state, event),
    messages: parts.messages,
    reconcile: parts.reconcile,
    deadline: (state) => {
      const { value } = state;
      if (!deadlines.has(value)) deadlines.set(value, deadlineOf(value));
      const deadline = deadlines.get(value);
      const deadlineAtMs = parts.deadlineAtMs?.(state);
      return deadline === undefined || deadlineAtMs === undefined
        ? deadline
        : { ...deadline, deadlineAtMs };
    },
    ...(parts.whenOver === 'archive' && { isOver: ({ status }: State) => status === 'done' }),
    describe: ({ value }) => value,
    storedVersion: parts.storedVersion ?? 1,
    serialise: ({ value, context }) => [{ value, context }],
    restore: (_, part) => rules.resolve(part as { value: string; context: unknown }),
  };
}
