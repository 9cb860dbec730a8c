import type { RecordedCommit, SchedulerEvent, SessionEvent } from '@orrery/bus';
import { fold } from '../../actors/scheduler/fold.ts';
import { emptyState } from '../../actors/scheduler/state.ts';
import { sessionAggregate } from '../../actors/session/aggregate.ts';
import type { SessionSnapshot } from '../../actors/session/machine.ts';

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
        if (Object.values(node.free).some((amount) => amount < 0)) return `${name} at ${sequence}`;
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
