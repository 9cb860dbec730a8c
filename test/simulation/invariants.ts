import type { RecordedCommit } from '@orrery/bus';
import { plan } from '../../actors/scheduler/planning/plan.ts';
import { situationOf } from '../../actors/scheduler/situation.ts';
import type { SchedulerState } from '../../actors/scheduler/state.ts';
import { sessionAggregate } from '../../actors/session/aggregate.ts';
import type { ModelEngine } from './model-node.ts';
import type { WatchedSession } from './watcher.ts';

/** How much later than its deadline a phase may end in peace: an alarm's lateness and the turns it takes. */
const LATENESS_MS = 120_000;

/** Sessions that wait with a reason while there is no room for any of them: late, not stuck. */
function sessionsWithoutRoom(state: SchedulerState, nowMs: number): ReadonlySet<string> {
  const pending = [...state.queue.values()].filter(({ said }) => said !== undefined);
  const groups = [...state.groups.values()];
  const { placed, preempted } = plan(situationOf(state, groups, { pending, nowMs }));
  const isAnyoneLeft = placed.length + preempted.length > 0;
  return isAnyoneLeft ? new Set() : new Set(pending.map(({ session }) => session));
}

/** Sessions that must still move: neither over, nor running, nor without room. */
export function findRestless(
  sessions: ReadonlyMap<string, WatchedSession>,
  scheduler: SchedulerState,
  nowMs: number,
): readonly string[] {
  const withoutRoom = sessionsWithoutRoom(scheduler, nowMs);
  return [...sessions]
    .filter(
      ([
        id,
        {
          snapshot: { value, status },
        },
      ]) => {
        const mayRest = value === 'running' || (value === 'pending' && withoutRoom.has(id));
        return status !== 'done' && !mayRest;
      },
    )
    .map(([id, { snapshot }]) => `session ${id} is stuck in ${snapshot.value}`);
}

/** Sessions that have outlived the deadline of their phase, counted from when peace came at the earliest. */
export function findOverdue(
  sessions: ReadonlyMap<string, WatchedSession>,
  peaceSinceMs: number,
  nowMs: number,
): string | undefined {
  for (const [id, { snapshot, sinceMs }] of sessions) {
    const deadlineMs = sessionAggregate.deadline(snapshot)?.deadlineMs;
    if (deadlineMs === undefined) continue;
    if (nowMs > Math.max(sinceMs, peaceSinceMs) + deadlineMs + LATENESS_MS)
      return `session ${id} is in ${snapshot.value} past its deadline`;
  }
  return undefined;
}

/** Exactly one container for a running session's kernel, none for one that is over, none besides. */
export function findWrongContainers(
  sessions: ReadonlyMap<string, WatchedSession>,
  engines: ReadonlyMap<string, ModelEngine>,
): readonly string[] {
  const wrong: string[] = [];
  const expected = new Set<string>();
  for (const [id, { snapshot }] of sessions) {
    if (snapshot.value !== 'running') continue;
    for (const { kernel, node } of snapshot.context.placements) {
      expected.add(`${node} ${kernel}`);
      const container = engines.get(node)?.containers.get(kernel);
      if (container?.state !== 'running') wrong.push(`session ${id} runs without its container`);
    }
  }
  for (const [name, { containers }] of engines)
    for (const kernel of containers.keys())
      if (!expected.has(`${name} ${kernel}`))
        wrong.push(`${name} has a container of ${kernel}, which is not running`);
  return wrong;
}

/** Sessions on nodes whose drain is over and that nobody took back into use. */
export function findUndrained(
  commits: readonly RecordedCommit[],
  scheduler: SchedulerState,
): readonly string[] {
  const drained = new Set<string>();
  for (const { aggregate, aggregateId, events } of commits)
    for (const { type } of aggregate === 'node' ? events : []) {
      if (type === 'node-drain-due') drained.add(aggregateId);
      if (type === 'node-schedulable-set' || type === 'node-drain-begun')
        drained.delete(aggregateId);
    }
  return [...scheduler.allocations.values()].flatMap(({ session, placements }) =>
    placements.some(({ node }) => drained.has(node))
      ? [`session ${session} is still on a node that is drained`]
      : [],
  );
}
