import type { RecordedCommit, SchedulerEvent, SessionEvent } from '@orrery/bus';
import type { StartedSystem } from '../environment/system.ts';
import { monotonicMs } from './measure.ts';

/** What the log tells of sessions, as it comes; moments are of `monotonicMs`. */
export interface Onlooker extends AsyncDisposable {
  /** When the scheduler's commits had placed so many sessions since the beginning. */
  placedAtLeast(count: number): Promise<number>;
  /** When so many sessions themselves were SCHEDULED. */
  scheduledAtLeast(count: number): Promise<number>;
  runningAtLeast(count: number): Promise<number>;
  /** When all that were placed until now run. */
  settled(): Promise<number>;
  cancelledAtLeast(count: number): Promise<number>;
  /** When the scheduler's commits had taken so many out of the queue that were never placed. */
  dequeuedAtLeast(count: number): Promise<number>;
  /** From the commit that ends the session to the first placement in the commit that frees its slots, or after it. */
  takenAfterEndOf(session: string): Promise<number>;
}

type Count = 'placed' | 'scheduled' | 'running' | 'cancelled' | 'dequeued';

interface Freed {
  readonly resolve: (ms: number) => void;
  endedMs: number | undefined;
  isReleased: boolean;
}

/** Follows the whole log from now on. */
export async function watchBacklog({ bus }: Pick<StartedSystem, 'bus'>): Promise<Onlooker> {
  const stop = new AbortController();
  const facts = new BacklogFacts();
  const afterSequence = await bus.log.lastSequence();
  const following = (async () => {
    for await (const commits of bus.log.follow({ afterSequence, signal: stop.signal }))
      for (const commit of commits) facts.note(commit, monotonicMs());
  })();
  const atLeast = (count: Count) => (least: number) => facts.reaches(count, least);
  return {
    placedAtLeast: atLeast('placed'),
    scheduledAtLeast: atLeast('scheduled'),
    runningAtLeast: atLeast('running'),
    settled: () => facts.reaches('running', facts.placed),
    cancelledAtLeast: atLeast('cancelled'),
    dequeuedAtLeast: atLeast('dequeued'),
    takenAfterEndOf: (session) => facts.taken(session),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await following;
    },
  };
}

class BacklogFacts {
  readonly #counts: Record<Count, number> = {
    placed: 0,
    scheduled: 0,
    running: 0,
    cancelled: 0,
    dequeued: 0,
  };
  #waiting: { count: Count; least: number; resolve: (atMs: number) => void }[] = [];
  readonly #freed = new Map<string, Freed>();

  get placed(): number {
    return this.#counts.placed;
  }

  reaches(count: Count, least: number): Promise<number> {
    if (this.#counts[count] >= least) return Promise.resolve(monotonicMs());
    return new Promise((resolve) => this.#waiting.push({ count, least, resolve }));
  }

  taken(session: string): Promise<number> {
    return new Promise((resolve) =>
      this.#freed.set(session, { resolve, endedMs: undefined, isReleased: false }),
    );
  }

  note(commit: RecordedCommit, atMs: number): void {
    if (commit.aggregate === 'session') this.#noteSession(commit, atMs);
    if (commit.aggregate === 'scheduler')
      this.#noteScheduler(commit.events as readonly SchedulerEvent[], atMs);
    for (const one of this.#waiting) if (this.#counts[one.count] >= one.least) one.resolve(atMs);
    this.#waiting = this.#waiting.filter(({ count, least }) => this.#counts[count] < least);
  }

  #noteSession({ aggregateId, events }: RecordedCommit, atMs: number): void {
    for (const { type } of events as readonly SessionEvent[]) {
      if (type === 'session-scheduled') this.#counts.scheduled += 1;
      if (type === 'session-running') this.#counts.running += 1;
      if (type === 'session-cancelled') this.#counts.cancelled += 1;
      const freed = type === 'session-terminated' ? this.#freed.get(aggregateId) : undefined;
      if (freed !== undefined) freed.endedMs = atMs;
    }
  }

  #noteScheduler(events: readonly SchedulerEvent[], atMs: number): void {
    let hasPlaced = false;
    for (const event of events) {
      if (event.type === 'session-placed') {
        this.#counts.placed += 1;
        hasPlaced = true;
      }
      if (event.type === 'session-dequeued') this.#counts.dequeued += 1;
      const freed = event.type === 'allocation-released' && this.#freed.get(event.session);
      if (freed) freed.isReleased = true;
    }
    if (!hasPlaced) return;
    for (const [session, { endedMs, isReleased, resolve }] of this.#freed) {
      if (endedMs === undefined || !isReleased) continue;
      resolve(atMs - endedMs);
      this.#freed.delete(session);
    }
  }
}
