import type { Actor, AggregateName, KernelWish, Rejection, Result } from '@orrery/bus';

/** An effect as a machine names it, with the parameters it was given there. */
export interface Effect {
  readonly type: string;
  readonly params?: unknown;
}

/** A message that an effect leads to. */
export type Outgoing =
  | {
      readonly to: 'actor';
      readonly aggregate: AggregateName;
      readonly id: string;
      readonly command: { readonly type: string };
    }
  | {
      readonly to: 'agent';
      readonly node: string;
      readonly key: string;
      readonly wish: KernelWish;
    };

/** What a decider may know besides the state and the command. */
export interface Circumstances {
  readonly id: string;
  readonly nowMs: number;
  readonly actor: Actor;
  readonly newId: () => string;
}

/** What a command leads to; `effects` are for the case that something must be said though nothing changed. */
export interface Decided<Event> {
  readonly events: readonly Event[];
  readonly effects?: readonly Effect[];
  /** The fold of the events, when the decider had to do it to decide; saves doing it twice. */
  readonly applied?: Applied | undefined;
}

export interface Applied<State = unknown> {
  readonly state: State;
  readonly effects: readonly Effect[];
}

export type Decision<Event> = Result<Decided<Event>, Rejection>;

/** How long the phase an aggregate is in may last, and when the world is asked again. */
export interface Deadline {
  /** The same word as long as the aggregate has not moved on. */
  readonly phase: string;
  readonly reconcileMs: number;
  readonly deadlineMs?: number | undefined;
}

/**
 * What changes together: one subject in the log, one writer, one message a commit. Everything here is
 * pure except that a large plain fold may change its state in place (`foldsInPlace`): the host then
 * drops the state when a commit is refused.
 */
export interface Aggregate<State, Command, Event extends { readonly type: string }> {
  readonly name: AggregateName;
  readonly schemaVersion: number;
  readonly foldsInPlace: boolean;
  parseCommand(command: unknown): Command;
  initial(id: string): State;
  /** Whether the command begins a life, so that nothing need be read before it is decided. */
  begins?(command: Command): boolean;
  decide(state: State, command: Command, circumstances: Circumstances): Decision<Event>;
  /** For a fold in place, whose `decide` has folded its events already: the effects that one names. */
  effectsOf?(event: Event): readonly Effect[];
  /** The state after the event and the effects it names; undefined when the event is not legal now. */
  apply(
    state: State,
    event: Event,
  ): { readonly state: State; readonly effects: readonly Effect[] } | undefined;
  /** The messages of an effect. `revision` is the aggregate's newest. */
  messages(
    effect: Effect,
    state: State,
    at: { readonly id: string; readonly revision: number },
  ): readonly Outgoing[];
  /** Effects that ask the world again in the present state. */
  reconcile(state: State): readonly Effect[];
  deadline(state: State): Deadline | undefined;
  /** A word for the state, for messages to people. */
  describe(state: State): string;
  serialise(state: State): unknown;
  deserialise(stored: unknown, id: string): State;
}

// biome-ignore lint/suspicious/noExplicitAny: a table of aggregates of all types; the host hands each only its own
export type AnyAggregate = Aggregate<any, any, any>;
