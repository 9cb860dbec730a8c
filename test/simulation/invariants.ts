import type { RecordedCommit, SchedulerEvent, SessionEvent } from '@orrery/bus';
import { DEFAULT_POLICY, schedule } from '../../actors/scheduler/schedule.ts';
import { emptyState, fold } from '../../actors/scheduler/state.ts';
import { sessionAggregate } from '../../actors/session/aggregate.ts';
import type { SessionSnapshot } from '../../actors/session/machine.ts';
import type { ModelEngine } from './model-node.ts';

/** Sessions folded from the log, as any reader would. @throws when the log holds an illegal event. */
export function sessionsOf(
  commits: readonly RecordedCommit[],
): ReadonlyMap<string, SessionSnapshot> {
  const sessions = new Map<string, SessionSnapshot>();
  for (const { aggregate, aggregateId, events } of commits) {
    if (aggregate !== 'session') continue;
    for (const event of events as readonly SessionEvent[]) {
      const before = sessions.get(aggregateId) ?? sessionAggregate.initial(aggregateId);
      const applied = sessionAggregate.apply(before, event);
      if (applied === undefined) throw new Error(`illegal ${event.type} in ${aggregateId}`);
      sessions.set(aggregateId, applied.state);
    }
  }
  return sessions;
}

/** No slot is given twice: after every event no node has less than nothing left. */
export function findOvercommitment(commits: readonly RecordedCommit[]): string | undefined {
  const state = emptyState();
  for (const { aggregate, events, sequence } of commits) {
    if (aggregate !== 'scheduler') continue;
    for (const event of events as readonly SchedulerEvent[]) {
      fold(state, event);
      for (const [name, node] of state.nodes) {
        if (Object.values(node.free).some((amount) => amount < 0n)) return `${name} at ${sequence}`;
      }
    }
  }
  return undefined;
}

/** Every commit carries the hash of the one before it, and revisions have no gaps. */
export function findBrokenChain(commits: readonly RecordedCommit[]): string | undefined {
  const newest = new Map<string, { readonly hash: string; readonly revision: number }>();
  for (const commit of commits) {
    const key = `${commit.aggregate}.${commit.aggregateId}`;
    const before = newest.get(key) ?? { hash: '', revision: 0 };
    if (commit.previousHash !== before.hash) return `hash of ${key} at ${commit.sequence}`;
    if (commit.firstRevision !== before.revision + 1)
      return `revision of ${key} at ${commit.sequence}`;
    newest.set(key, { hash: commit.hash, revision: before.revision + commit.events.length });
  }
  return undefined;
}

/** Sessions that wait with a reason while there is no room for any of them: late, not stuck. */
export function sessionsWithoutRoom(commits: readonly RecordedCommit[]): ReadonlySet<string> {
  const state = emptyState();
  for (const { aggregate, events } of commits) {
    if (aggregate !== 'scheduler') continue;
    for (const event of events as readonly SchedulerEvent[]) fold(state, event);
  }
  const waiting = [...state.queue.values()].filter(({ reason }) => reason !== undefined);
  const { placed } = schedule(state, waiting, DEFAULT_POLICY);
  return placed.length > 0 ? new Set() : new Set(waiting.map(({ queued }) => queued.session));
}

/** Exactly one container for a running session's kernel, none for one that is over, none besides. */
export function findWrongContainers(
  sessions: ReadonlyMap<string, SessionSnapshot>,
  engines: ReadonlyMap<string, ModelEngine>,
  withoutRoom: ReadonlySet<string>,
): readonly string[] {
  const wrong: string[] = [];
  const expected = new Set<string>();
  for (const [id, { value, status, context }] of sessions) {
    const mayRest = value === 'running' || (value === 'pending' && withoutRoom.has(id));
    if (status !== 'done' && !mayRest) wrong.push(`session ${id} is stuck in ${String(value)}`);
    if (value !== 'running') continue;
    for (const { kernel, node } of context.placements) {
      expected.add(kernel);
      const container = engines.get(node)?.containers.get(kernel);
      if (container?.state !== 'running') wrong.push(`session ${id} runs without its container`);
    }
  }
  for (const [name, { containers, starts }] of engines) {
    for (const kernel of containers.keys()) {
      if (!expected.has(kernel))
        wrong.push(`${name} has a container of ${kernel}, which is not running`);
    }
    for (const [kernel, count] of starts) {
      if (count > 1) wrong.push(`${name} started ${kernel} ${count} times`);
    }
  }
  return wrong;
}
