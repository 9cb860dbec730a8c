import {
  addSlots,
  type Commit,
  NodeEvent,
  SchedulerEvent,
  type SessionStatus,
  type Slots,
  sessionStatusOf,
} from '@orrery/bus';
import type { Moment } from './moment.ts';
import { projectNode } from './nodes.ts';
import type { AllocationRow, NodeRow } from './rows.ts';
import { projectScheduling, type Scheduling, sessionOfSchedulerEvent } from './scheduling.ts';

/** A node with what the scheduler had given away on it. */
export type NodeThen = NodeRow & { readonly occupiedSlots: Slots };

/** The cluster at one moment of the past. */
export interface ClusterMoment {
  /** Of the newest commit that it is made of; 0 before the first. */
  readonly sequence: number;
  readonly sessionsByStatus: Readonly<Record<string, number>>;
  /** By name. */
  readonly nodes: readonly NodeThen[];
  /** What was given to sessions and not yet free again, by node. */
  readonly allocations: readonly AllocationRow[];
}

/** What of a commit (or of its audit row) the fold needs. */
export type ClusterCommit = Pick<
  Commit,
  'aggregateId' | 'firstRevision' | 'recordedAtMs' | 'events'
> & { readonly aggregate: string; readonly sequence: number };

/** Takes commits in the order of the log. Of a session that is over it keeps only the status. */
export class ClusterFold {
  readonly #statuses = new Map<string, SessionStatus>();
  readonly #nodes = new Map<string, NodeRow>();
  readonly #schedulings = new Map<string, Scheduling>();
  #sequence = 0;

  take(commit: ClusterCommit): void {
    this.#sequence = commit.sequence;
    for (const [index, event] of commit.events.entries()) {
      const { aggregateId: id, sequence, recordedAtMs, firstRevision } = commit;
      if (commit.aggregate === 'session') this.#takeSessionEvent(id, event.type);
      const at = { id, revision: firstRevision + index, sequence, recordedAtMs };
      if (commit.aggregate === 'node') this.#takeNodeEvent(event, at);
      if (commit.aggregate === 'scheduler') this.#takeSchedulerEvent(event, at);
    }
  }

  /** `isVisible` says whose allocations are shown; what nodes had given away counts all of them. */
  moment(isVisible: (session: string) => boolean = () => true): ClusterMoment {
    const allocations = [...this.#schedulings.values()]
      .flatMap((scheduling) => scheduling.allocations)
      .filter(({ isReleased }) => !isReleased)
      .toSorted((left, right) => compare(left.agentId, right.agentId));
    const occupied = new Map<string, Slots>();
    for (const { agentId, slots } of allocations)
      occupied.set(agentId, addSlots(occupied.get(agentId) ?? {}, slots));
    const sessionsByStatus: Record<string, number> = {};
    for (const [session, status] of this.#statuses)
      if (isVisible(session)) sessionsByStatus[status] = (sessionsByStatus[status] ?? 0) + 1;
    return {
      sequence: this.#sequence,
      sessionsByStatus,
      nodes: [...this.#nodes.values()]
        .map((node) => ({ ...node, occupiedSlots: occupied.get(node.id) ?? {} }))
        .toSorted((left, right) => compare(left.id, right.id)),
      allocations: allocations.filter(({ sessionId }) => isVisible(sessionId)),
    };
  }

  #takeSessionEvent(session: string, type: string): void {
    if (!isSessionEvent(type)) return;
    const status = sessionStatusOf[type];
    if (status !== undefined) this.#statuses.set(session, status);
  }

  #takeNodeEvent(event: unknown, at: Moment): void {
    const row = projectNode(this.#nodes.get(at.id), NodeEvent.safeParse(event).data, at);
    if (row !== undefined) this.#nodes.set(at.id, row);
  }

  #takeSchedulerEvent(unparsed: unknown, at: Moment): void {
    const event = SchedulerEvent.safeParse(unparsed).data;
    const session = event && sessionOfSchedulerEvent(event);
    if (event === undefined || session === undefined) return;
    const scheduling = projectScheduling(this.#schedulings.get(session), event, at);
    const holdsNothing = scheduling.allocations.every(({ isReleased }) => isReleased);
    // Nothing is left to be told of it, unless it is queued anew.
    if (holdsNothing) this.#schedulings.delete(session);
    else this.#schedulings.set(session, scheduling);
  }
}

function isSessionEvent(type: string): type is keyof typeof sessionStatusOf {
  return Object.hasOwn(sessionStatusOf, type);
}

function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
