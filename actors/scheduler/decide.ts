import {
  type NodeCapacity,
  ok,
  type QueuedSession,
  type Rejection,
  type Result,
  type SchedulerCommand,
  type SchedulerEvent,
  unreachable,
} from '@orrery/bus';
import type { Circumstances, Decision, Effect } from '../runtime/aggregate.ts';
import { removeGroup, setGroup } from './administration.ts';
import { fold } from './fold.ts';
import { foretell } from './foretell.ts';
import { expired } from './lifetimes.ts';
import { askedNow } from './overlong.ts';
import { setLimits } from './owner-limits.ts';
import type { SchedulerState } from './state.ts';

type CommandOf<Type extends SchedulerCommand['type']> = Extract<
  SchedulerCommand,
  { readonly type: Type }
>;

/**
 * Folds what it decides into `state`, since what comes next in the turn must see it; the host drops the
 * state when the commit is refused. Places nobody: that is for the end of the turn.
 */
export function decide(
  state: SchedulerState,
  command: SchedulerCommand,
  { nowMs }: Pick<Circumstances, 'nowMs'>,
): Decision<SchedulerEvent> {
  switch (command.type) {
    case 'queue':
      return queue(state, command.queued, nowMs);
    case 'release':
      return release(state, command, nowMs);
    case 'update-node':
      return updateNode(state, command.capacity);
    case 'set-priority': {
      const { session, priority } = command;
      const waiting = state.queue.get(session);
      if (waiting === undefined || waiting.priority === priority) return ok({ events: [] });
      return decided(state, [{ type: 'priority-changed', session, priority }]);
    }
    case 'foretell':
      return administered(state, foretell(state, command.session, nowMs));
    case 'finish':
      return decided(state, outcome(state, command));
    case 'evict':
      return evict(state, command);
    case 'look-after-node': {
      const { node, change } = command;
      return ok({ events: [], effects: [{ type: 'tellNodeChange', params: { node, change } }] });
    }
    case 'pass-deadline':
      return passDeadline(state, nowMs);
    case 'set-group':
      return administered(state, setGroup(state, command));
    case 'remove-group':
      return administered(state, removeGroup(state, command));
    case 'set-limits':
      return administered(state, setLimits(state, command));
    default:
      return unreachable(command);
  }
}

function passDeadline(state: SchedulerState, nowMs: number): Decision<SchedulerEvent> {
  const asked = askedNow(state, nowMs);
  const effects = asked.length === 0 ? [] : [{ type: 'askWhetherOver', params: { asked } }];
  const events: readonly SchedulerEvent[] = [
    ...expired(state, nowMs),
    { type: 'time-looked-at', atMs: nowMs },
  ];
  for (const event of events) fold(state, event);
  return ok({ events, effects });
}

/** What a node said before it said what is known comes late: it was told again, or lay somewhere. */
function updateNode(state: SchedulerState, capacity: NodeCapacity): Decision<SchedulerEvent> {
  const known = state.nodes.get(capacity.node)?.capacity;
  if (known === undefined) return decided(state, [{ type: 'node-joined', capacity }]);
  if (isSame(known, capacity) || isBefore(capacity.revision, known)) return ok({ events: [] });
  return decided(state, [{ type: 'node-capacity-changed', capacity }]);
}

function isBefore(revision: number | undefined, known: NodeCapacity): boolean {
  return revision !== undefined && known.revision !== undefined && revision < known.revision;
}

function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

function queue(
  state: SchedulerState,
  asked: QueuedSession,
  nowMs: number,
): Decision<SchedulerEvent> {
  const { session, attempt } = asked;
  const allocation = state.allocations.get(session);
  const waiting = state.queue.get(session);
  if (allocation !== undefined && allocation.attempt >= attempt) {
    return ok({ events: [], effects: [placing(session, allocation.attempt)] });
  }
  if (waiting !== undefined && waiting.attempt >= attempt) {
    const dependencies = waiting.dependencies.map((one) => one.session);
    return ok({ events: [], effects: askingForOutcomes(dependencies) });
  }
  const queued = asked.queuedAtMs === undefined ? { ...asked, queuedAtMs: nowMs } : asked;
  const events: SchedulerEvent[] = [];
  if (allocation !== undefined) events.push({ type: 'allocation-released', session, atMs: nowMs });
  if (waiting !== undefined) events.push({ type: 'session-dequeued', session });
  events.push({ type: 'session-queued', queued });
  return decided(state, events);
}

function release(
  state: SchedulerState,
  { session, attempt, result }: CommandOf<'release'>,
  nowMs: number,
): Decision<SchedulerEvent> {
  const allocation = state.allocations.get(session);
  const waiting = state.queue.get(session);
  const events: SchedulerEvent[] = [];
  if (allocation !== undefined && allocation.attempt <= attempt) {
    const over = result === undefined ? {} : { result };
    events.push({ type: 'allocation-released', session, atMs: nowMs, ...over });
  }
  if (waiting !== undefined && waiting.attempt <= attempt) {
    events.push({ type: 'session-dequeued', session });
  }
  if (result !== undefined) events.push(...outcome(state, { session, result }));
  return decided(state, events);
}

/** Remembered only of whom others wait for. */
function outcome(
  state: SchedulerState,
  { session, result }: Pick<CommandOf<'finish'>, 'session' | 'result'>,
): readonly SchedulerEvent[] {
  if (state.dependedOn.get(session)?.state !== 'waited-for') return [];
  return [{ type: 'dependency-ended', session, result }];
}

function evict(
  state: SchedulerState,
  { node, mode, revision }: CommandOf<'evict'>,
): Decision<SchedulerEvent> {
  const known = state.nodes.get(node)?.capacity;
  // The drain was taken back since.
  if (known?.isSchedulable === true && isBefore(revision, known)) return ok({ events: [] });
  const there = [...state.allocations.values()].filter(
    ({ placements, leaving }) =>
      leaving === undefined && placements.some((place) => place.node === node),
  );
  const leaving = there.map(
    ({ session, attempt }): SchedulerEvent => ({
      type: 'session-preempted',
      session,
      attempt,
      mode,
      reason: 'node-drained',
    }),
  );
  return decided(state, [...closing(known, revision), ...leaving]);
}

/** What the node said of itself before it had them evicted may come later: nobody takes their room meanwhile. */
function closing(
  known: NodeCapacity | undefined,
  revision: number | undefined,
): readonly SchedulerEvent[] {
  if (!known?.isSchedulable || revision === undefined || revision <= (known.revision ?? 0))
    return [];
  return [
    { type: 'node-capacity-changed', capacity: { ...known, isSchedulable: false, revision } },
  ];
}

function administered(
  state: SchedulerState,
  result: Result<readonly SchedulerEvent[], Rejection>,
): Decision<SchedulerEvent> {
  return result.ok ? decided(state, result.value) : result;
}

/** The events, folded in. */
function decided(
  state: SchedulerState,
  events: readonly SchedulerEvent[],
): Decision<SchedulerEvent> {
  for (const event of events) fold(state, event);
  return ok({ events });
}

export function placing(session: string, attempt: number): Effect {
  return { type: 'tellPlacement', params: { session, attempt } };
}

/** How those ended who may have ended before anybody waited for them. */
export function askingForOutcomes(dependencies: readonly string[]): readonly Effect[] {
  if (dependencies.length === 0) return [];
  return [{ type: 'askForOutcomes', params: { sessions: dependencies } }];
}
