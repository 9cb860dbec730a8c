import {
  type Amounts,
  type Outcome,
  type RecordedCommit,
  readCommit,
  type SchedulerEvent,
  type SessionEvent,
  type Slots,
  toAmounts,
} from '@orrery/bus';
import { fold } from '../../actors/scheduler/fold.ts';
import { emptyState, type SchedulerState } from '../../actors/scheduler/state.ts';
import { sessionAggregate } from '../../actors/session/aggregate.ts';
import type { SessionSnapshot } from '../../actors/session/machine.ts';
import type { StoredMessage } from '../../bus/memory/memory-stream.ts';
import { createLedger, type Ledger } from './ledger.ts';
import type { ModelEngine } from './model-node.ts';
import { brokenRule } from './rules.ts';

/** A session as any reader of the log folds it. */
export interface WatchedSession {
  snapshot: SessionSnapshot;
  /** Revision of its newest event. */
  revision: number;
  /** Since when it is in its phase, in milliseconds. */
  sinceMs: number;
  /** The revision at which each attempt was given its places; the first attempt first. */
  readonly attemptsFrom: number[];
}

/** A container that an engine started. `revision` is that of the wish it was started for. */
export interface Start {
  readonly kernel: string;
  readonly session: string;
  readonly revision: number;
}

/**
 * Holds what happens against what must hold, each time something happens: the first thing that is wrong is
 * a violation. It looks at no more than what has changed, so it can look at every step.
 */
export class Watcher {
  readonly commits: RecordedCommit[] = [];
  readonly sessions = new Map<string, WatchedSession>();
  readonly scheduler: SchedulerState = emptyState();
  readonly #engines: ReadonlyMap<string, ModelEngine>;
  readonly #newest = new Map<string, { hash: string; revision: number }>();
  readonly #sequences = new Set<number>();
  readonly #starts = new Set<string>();
  /** Revisions with which the commits of a command end, by aggregate and command. */
  readonly #commands = new Map<string, number>();
  readonly #ledger: Ledger;
  #violation: string | undefined;

  constructor(nodes: ReadonlyMap<string, Slots>, engines: ReadonlyMap<string, ModelEngine>) {
    this.#engines = engines;
    this.#ledger = createLedger(
      new Map([...nodes].map(([name, slots]): [string, Amounts] => [name, toAmounts(slots)])),
    );
  }

  /** The first thing that was wrong. */
  get violation(): string | undefined {
    return this.#violation;
  }

  violate(what: string): void {
    this.#violation ??= what;
  }

  committed(message: StoredMessage): void {
    const commit = readCommit(message);
    this.commits.push(commit);
    this.#sequences.add(commit.sequence);
    this.#checkChain(commit);
    this.#checkCommands(commit);
    if (commit.aggregate === 'session') this.#foldSession(commit);
    if (commit.aggregate === 'scheduler') this.#foldScheduler(commit);
  }

  /** A command is committed once; what is left to conclude then follows at once, in its name. */
  #checkCommands({
    aggregate,
    aggregateId,
    firstRevision,
    events,
    ...commit
  }: RecordedCommit): void {
    // An alarm is named for its time, and may ring again for the same.
    if (commit.commandType === 'pass-deadline') return;
    for (const { id } of commit.commands ?? [{ id: commit.commandId }]) {
      const key = `${aggregate} ${aggregateId} ${id}`;
      if ((this.#commands.get(key) ?? firstRevision - 1) !== firstRevision - 1)
        this.violate(`command ${id} to ${aggregate} ${aggregateId} is committed twice`);
      this.#commands.set(key, firstRevision + events.length - 1);
    }
  }

  /** A host says that a command was taken: its commit must lie in the log. */
  answered(outcome: Outcome): void {
    if (!outcome.ok || outcome.sequence === 0) return;
    if (!this.#sequences.has(outcome.sequence))
      this.violate(`an answer names commit ${outcome.sequence}, which is not in the log`);
  }

  /** An engine starts a container: the log must say so, and once an attempt. */
  started(node: string, { kernel, session, revision }: Start): void {
    const known = this.sessions.get(session);
    if (known === undefined || revision > known.revision) {
      this.violate(`${node} starts ${kernel} for a commit that is not in the log`);
      return;
    }
    const attempt = known.attemptsFrom.filter((from) => from <= revision).length;
    const start = `${kernel} ${attempt}`;
    if (this.#starts.has(start))
      this.violate(`${node} starts ${kernel} twice in attempt ${attempt}`);
    this.#starts.add(start);
  }

  #checkChain({ aggregate, aggregateId, sequence, hash, ...commit }: RecordedCommit): void {
    const key = `${aggregate}.${aggregateId}`;
    const before = this.#newest.get(key) ?? { hash: '', revision: 0 };
    const { firstRevision, previousHash, events } = commit;
    if (previousHash !== before.hash)
      this.violate(`the hash chain of ${key} breaks at ${sequence}`);
    if (firstRevision !== before.revision + 1)
      this.violate(`the revisions of ${key} break at ${sequence}`);
    this.#newest.set(key, { hash, revision: firstRevision + events.length - 1 });
  }

  #foldSession(commit: RecordedCommit): void {
    const { aggregateId: id, actor, recordedAtMs, firstRevision, sequence } = commit;
    const initial = sessionAggregate.initial(id);
    const session = this.sessions.get(id) ?? {
      snapshot: initial,
      revision: 0,
      sinceMs: recordedAtMs,
      attemptsFrom: [],
    };
    this.sessions.set(id, session);
    const { value: before } = session.snapshot;
    for (const [index, event] of (commit.events as readonly SessionEvent[]).entries()) {
      const revision = firstRevision + index;
      const applied = sessionAggregate.apply(session.snapshot, event);
      if (applied === undefined) {
        this.violate(`${event.type} is not legal in session ${id} at ${sequence}`);
        return;
      }
      if (actor.kind === 'agent') this.#checkReport(session, event, sequence);
      session.snapshot = applied.state;
      session.revision = revision;
      if (event.type === 'session-scheduled') session.attemptsFrom.push(revision);
      this.#account(id, event);
    }
    const { snapshot } = session;
    if (snapshot.value !== before) session.sinceMs = recordedAtMs;
    if (snapshot.status === 'done') this.#ledger.free(id);
  }

  /** Sessions that are placed take room: of no node more than it has. */
  #account(id: string, event: SessionEvent): void {
    if (event.type === 'session-requeued') this.#ledger.free(id);
    if (event.type !== 'session-scheduled') return;
    const overdrawn = this.#ledger.take(id, event.placements);
    if (overdrawn !== undefined) this.violate(`session ${id} takes what ${overdrawn} has not left`);
  }

  /** What an agent's report made of a kernel must be true of the container of its present attempt. */
  #checkReport(session: WatchedSession, event: SessionEvent, sequence: number): void {
    if (event.type !== 'kernel-terminated' && event.type !== 'kernel-running') return;
    const { kernel } = event;
    const known = session.snapshot.context.kernels[kernel];
    const engine = this.#engines.get(known?.context.node ?? '');
    const container = engine?.containers.get(kernel);
    // In this attempt, or in an earlier one whose wish to be gone was overtaken: its container serves this one.
    const attempt = session.attemptsFrom.length;
    const wasStarted = this.#starts.has(`${kernel} ${attempt}`) || engine?.started.has(kernel);
    if (event.type === 'kernel-terminated' && container?.state === 'running')
      this.violate(`kernel ${kernel} is over at ${sequence} while its container runs`);
    if (known?.status !== 'TERMINATING' && !wasStarted)
      this.violate(`${event.type} of ${kernel} at ${sequence}, which was never started`);
  }

  /** No slot is given twice: no node that gives something has less than nothing left then. */
  #foldScheduler({ events, sequence }: RecordedCommit): void {
    for (const event of events as readonly SchedulerEvent[]) {
      const broken = brokenRule(this.scheduler, event);
      if (broken !== undefined) this.violate(`${broken} at ${sequence}`);
      fold(this.scheduler, event);
      if (event.type !== 'session-placed') continue;
      // A node that has shrunk under what it had given has less than nothing left, and gives nothing.
      for (const { node: name } of event.placements)
        for (const left of this.scheduler.nodes.get(name)?.free ?? [])
          if (left < 0) this.violate(`${name} gives what it has not left at ${sequence}`);
    }
  }
}
