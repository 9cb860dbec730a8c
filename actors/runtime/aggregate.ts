import type { Actor, AggregateName, KernelWish, NetworkWish, Rejection, Result } from '@orrery/bus';

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
      readonly wish: KernelWish | NetworkWish;
    };

/** What a decider may know besides the state and the command. */
export interface Circumstances {
  readonly id: string;
  /** Of its newest event; 0 before the first. */
  readonly revision: number;
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
  /** The world is asked again after as long as the phase has lasted, at most this; default `reconcileMs`. */
  readonly reconcileMsMax?: number | undefined;
  readonly deadlineMs?: number | undefined;
  /** The same as a moment, where it does not follow from the beginning of the phase. */
  readonly deadlineAtMs?: number | undefined;
}

/** What follows from all that a turn decided, once a turn. */
export interface Conclusion<Event> {
  readonly events: readonly Event[];
  /** Whether there is more to conclude, which goes into a commit of its own. */
  readonly isMore: boolean;
}

/** How an aggregate takes many waiting commands in one turn, which becomes one commit. */
export interface TakesTogether<State, Event> {
  readonly commandsMax: number;
  /**
   * Called after the events of all commands, also of a single one, were decided; `all` when a turn before
   * may not have come to its end. Folds its events in, as `decide` does.
   */
  conclude?(state: State, decided: readonly Event[] | 'all', nowMs: number): Conclusion<Event>;
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
  /** Only for a fold in place, whose `decide` folds its events and does not when it refuses. */
  readonly takesTogether?: TakesTogether<State, Event>;
  /** Whether events of the type may be folded; absent: all. What is not known was written by a newer host. */
  knows?(type: string): boolean;
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
  /** Whether nothing can happen to it any more, so that it may be archived; absent: that is never so. */
  isOver?(state: State): boolean;
  /** The one id there is, of a large fold with snapshots: what its snapshot stands for may be archived. */
  readonly singleton?: string;
  /** A word for the state, for messages to people. */
  describe(state: State): string;
  /** Shape of what `serialise` gives; what was stored in another one is not read. */
  readonly storedVersion: number;
  /**
   * The state as it is at the call, as JSON values of at most some 100 kB, made when they are asked for:
   * what is decided meanwhile does not show in them.
   */
  serialise(state: State): Iterable<unknown>;
  /** Takes the next of those into a state that began as `initial`. */
  restore(state: State, part: unknown): State;
}

// biome-ignore lint/suspicious/noExplicitAny: a table of aggregates of all types; the host hands each only its own
export type AnyAggregate = Aggregate<any, any, any>;
