import type { EventLog, RecordedCommit } from '@orrery/bus';
import { foldSession, type SessionWithKernels } from '@orrery/projections';
import { LRUCache } from 'lru-cache';

const SESSIONS_KEPT_MAX = 2_000;

/** Whether a commit tells only what somebody did inside a session. */
export function isUse({ events }: Pick<RecordedCommit, 'events'>): boolean {
  return events.every(({ type }) => type === 'session-used');
}

/** What sessions were right after a commit, folded from the log and shared by all who ask. */
export class SessionFolds {
  readonly #log: EventLog;
  readonly #commits = new LRUCache<string, readonly RecordedCommit[]>({ max: SESSIONS_KEPT_MAX });
  readonly #states = new LRUCache<number, Promise<SessionWithKernels | undefined>>({
    max: SESSIONS_KEPT_MAX,
  });

  constructor(log: EventLog) {
    this.#log = log;
  }

  /** @throws {BusUnavailable} when the session's earlier commits cannot be read. */
  after(commit: RecordedCommit): Promise<SessionWithKernels | undefined> {
    const known = this.#states.get(commit.sequence);
    if (known !== undefined) return known;
    const state = this.#fold(commit);
    this.#states.set(commit.sequence, state);
    state.catch(() => this.#states.delete(commit.sequence));
    return state;
  }

  async #fold(commit: RecordedCommit): Promise<SessionWithKernels | undefined> {
    const commits = await this.#upTo(commit);
    const kept = this.#commits.get(commit.aggregateId);
    if (kept === undefined || kept.length < commits.length)
      this.#commits.set(commit.aggregateId, commits);
    return foldSession(commits);
  }

  async #upTo(commit: RecordedCommit): Promise<readonly RecordedCommit[]> {
    const kept = this.#commits.get(commit.aggregateId) ?? [];
    const last = kept.at(-1);
    if (last !== undefined && commit.sequence <= last.sequence)
      return kept.filter(({ sequence }) => sequence <= commit.sequence);
    const revision = last === undefined ? 0 : last.firstRevision + last.events.length - 1;
    if (commit.firstRevision === revision + 1) return [...kept, commit];
    const read: RecordedCommit[] = [];
    for await (const earlier of this.#log.read('session', commit.aggregateId)) {
      if (earlier.sequence > commit.sequence) break;
      // A session may be used many thousand times, which changes nothing of it.
      if (!isUse(earlier) || earlier.sequence === commit.sequence) read.push(earlier);
    }
    return read;
  }
}
