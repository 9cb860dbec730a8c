import {
  type AnyStateMachine,
  type AnyStateNode,
  initialTransition,
  type MachineContext,
  type SnapshotFrom,
} from 'xstate';
import type { Applied, Effect } from './aggregate.ts';

/** Where something with a machine stands. */
export interface MachineState<Context, Value extends string> {
  readonly value: Value;
  readonly context: Context;
  readonly status: 'active' | 'done';
  matches(value: Value): boolean;
}
export type StateOf<Machine extends AnyStateMachine> = MachineState<
  SnapshotFrom<Machine>['context'],
  Extract<SnapshotFrom<Machine>['value'], string>
>;

/** A machine as tables, which take an event some fifty times as fast as the interpreter does. */
export interface CompiledMachine<State> {
  readonly initial: State;
  /** The next state and the effects it names; undefined when the event is not legal now. */
  apply(state: State, event: { readonly type: string }): Applied<State> | undefined;
  can(state: State, event: { readonly type: string }): boolean;
  /** From what was stored. @throws when the machine has no such state. */
  resolve(stored: { readonly value: string; readonly context: unknown }): State;
  /** What the machine declares as the `meta` of a state. */
  metaOf(value: string): object | undefined;
}

interface At {
  readonly context: MachineContext;
  readonly event: { readonly type: string };
}
type Step =
  | { readonly kind: 'assign'; readonly assign: (at: At) => Partial<MachineContext> }
  | { readonly kind: 'effect'; readonly effectOf: (at: At) => Effect };
interface Transition {
  readonly guard: ((at: At) => boolean) | undefined;
  readonly target: string | undefined;
  readonly steps: readonly Step[];
}
interface Place {
  readonly status: 'active' | 'done';
  readonly meta: object | undefined;
  readonly transitions: ReadonlyMap<string, readonly Transition[]>;
}

class Standing implements MachineState<MachineContext, string> {
  readonly value: string;
  readonly context: MachineContext;
  readonly status: 'active' | 'done';

  constructor(value: string, context: MachineContext, status: 'active' | 'done') {
    this.value = value;
    this.context = context;
    this.status = status;
  }

  matches(value: string): boolean {
    return this.value === value;
  }
}

/**
 * The machine stays the only grammar: the tables are read off it, and a test holds them against the
 * interpreter. @throws when the machine uses what the tables do not know (nested states, `always`,
 * `after`, `invoke`, exit actions, inline functions).
 */
export function compile<Machine extends AnyStateMachine>(
  machine: Machine,
): CompiledMachine<StateOf<Machine>> {
  const root = machine.root as AnyStateNode;
  const places = new Map(
    Object.entries(root.states).map(([value, node]) => [value, placeOf(machine, node)]),
  );
  const everywhere = transitionsOf(machine, root);
  const find = (state: Standing, event: At['event']): Transition | undefined => {
    const at = { context: state.context, event };
    const isTaken = ({ guard }: Transition): boolean => guard === undefined || guard(at);
    const own = places.get(state.value)?.transitions.get(event.type)?.find(isTaken);
    return own ?? everywhere.get(event.type)?.find(isTaken);
  };
  const resolve: CompiledMachine<Standing>['resolve'] = ({ value, context }) => {
    const place = places.get(value);
    if (place === undefined) throw new Error(`the machine ${machine.id} has no state ${value}`);
    return new Standing(value, context as MachineContext, place.status);
  };
  const [{ value, context }] = initialTransition<AnyStateMachine>(machine);
  const compiled: CompiledMachine<Standing> = {
    initial: resolve({ value: String(value), context }),
    apply: (state, event) => {
      const transition = find(state, event);
      return transition && take(state, event, { transition, places });
    },
    can: (state, event) => find(state, event) !== undefined,
    resolve,
    metaOf: (name) => places.get(name)?.meta,
  };
  // A standing has the machine's own context and values: they come from nowhere else.
  return compiled as CompiledMachine<never>;
}

function take(
  state: Standing,
  event: At['event'],
  { transition, places }: { transition: Transition; places: ReadonlyMap<string, Place> },
): Applied<Standing> {
  const effects: Effect[] = [];
  let { context } = state;
  for (const step of transition.steps) {
    const at = { context, event };
    if (step.kind === 'effect') effects.push(step.effectOf(at));
    else context = { ...context, ...step.assign(at) };
  }
  const { target = state.value } = transition;
  const status = places.get(target)?.status ?? 'active';
  return { state: new Standing(target, context, status), effects };
}

function placeOf(machine: AnyStateMachine, node: AnyStateNode): Place {
  if (node.type !== 'atomic' && node.type !== 'final')
    throw unknown(machine, `the ${node.type} state ${node.key}`);
  if (node.exit.length + node.invoke.length + node.after.length + (node.always?.length ?? 0) > 0)
    throw unknown(machine, `what ${node.key} does besides its entry`);
  return {
    status: node.type === 'final' ? 'done' : 'active',
    meta: node.meta,
    transitions: transitionsOf(machine, node),
  };
}

function transitionsOf(
  machine: AnyStateMachine,
  node: AnyStateNode,
): ReadonlyMap<string, readonly Transition[]> {
  const byEvent = [...node.transitions].map(([type, definitions]) => {
    if (type.includes('*')) throw unknown(machine, `the event ${type}`);
    const transitions = definitions.map(({ guard, target, actions, reenter }): Transition => {
      const [next, ...others] = target ?? [];
      const isLeaving = next?.parent === machine.root && next !== node && node !== machine.root;
      if (reenter || others.length > 0 || (next !== undefined && !isLeaving))
        throw unknown(machine, `where ${type} leads to from ${node.key}`);
      return {
        guard: guard === undefined ? undefined : guardOf(machine, guard),
        target: next?.key,
        steps: [...actions, ...(next?.entry ?? [])].map((action) => stepOf(machine, action)),
      };
    });
    return [type, transitions] as const;
  });
  return new Map(byEvent);
}

/** What is named in a machine, with its parameters: a name, or an object of both. */
function nameOf(machine: AnyStateMachine, named: unknown): { type: string; params?: unknown } {
  if (typeof named === 'string') return { type: named };
  if (typeof named === 'object' && named !== null && 'type' in named)
    return { type: String(named.type), params: 'params' in named ? named.params : undefined };
  throw unknown(machine, 'an action or guard without a name');
}

function guardOf(machine: AnyStateMachine, named: unknown): (at: At) => boolean {
  const { type, params } = nameOf(machine, named);
  const guard: unknown = machine.implementations.guards[type];
  if (typeof guard !== 'function' || params !== undefined)
    throw unknown(machine, `the guard ${type}`);
  return (at) => Boolean(guard(at));
}

function stepOf(machine: AnyStateMachine, named: unknown): Step {
  const { type, params } = nameOf(machine, named);
  const action: unknown = machine.implementations.actions[type];
  if (typeof action !== 'function') throw unknown(machine, `the action ${type}`);
  if ('assignment' in action && typeof action.assignment === 'function') {
    const { assignment } = action;
    return { kind: 'assign', assign: (at) => assignment(at) };
  }
  if ('resolve' in action) throw unknown(machine, `the action ${type}`);
  if (typeof params !== 'function') return { kind: 'effect', effectOf: () => ({ type, params }) };
  return { kind: 'effect', effectOf: (at) => ({ type, params: params(at) }) };
}

function unknown(machine: AnyStateMachine, what: string): Error {
  return new Error(`the machine ${machine.id} cannot be made into tables: ${what}`);
}
