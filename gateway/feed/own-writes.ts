import type { Clock, EventLog, Logger } from '@orrery/bus';
import { LRUCache } from 'lru-cache';
import { GatheredRead } from './gathered-read.ts';
import type { LogFeed } from './log-feed.ts';
import type { Progress } from './progress.ts';
import { isUse } from './session-folds.ts';

/** How long a read waits to learn where the log ends while the bus is away. Milliseconds. */
export const END_WAIT_MS_MAX = 1_000;
/** Users whose newest write is remembered each; of the others, that of all together is. */
const USERS_KEPT_MAX = 10_000;

const END = 'end';

/**
 * Lets a user read what they were told, on whichever gateway they were told it: a read waits until the
 * projections hold the user's newest commit, and for nobody else's.
 */
export class OwnWrites {
  readonly #feed: LogFeed;
  readonly #progress: Progress;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #newest: LRUCache<string, number>;
  /** Of users who are not kept. */
  #newestOfOthers = 0;
  readonly #logEnd: GatheredRead<number>;

  constructor(options: {
    readonly log: EventLog;
    readonly feed: LogFeed;
    readonly progress: Progress;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    const { log, feed, progress, clock, logger } = options;
    this.#feed = feed;
    this.#progress = progress;
    this.#clock = clock;
    this.#logger = logger;
    this.#newest = new LRUCache({
      max: USERS_KEPT_MAX,
      dispose: (sequence, _userId, reason) => {
        if (reason === 'evict') this.#newestOfOthers = Math.max(this.#newestOfOthers, sequence);
      },
    });
    this.#logEnd = new GatheredRead(async () => new Map([[END, await log.lastSequence()]]));
    feed.onCommitOfUsers((commit) => {
      // A use changes nothing that is read: the next cell need not wait for the last one's row.
      if (!isUse(commit)) this.note(commit.actor.id, commit.sequence);
    });
  }

  /** The user is told of a commit that is not projected yet. */
  note(userId: string, sequence: number): void {
    const known = this.#newest.get(userId) ?? 0;
    if (sequence > known) this.#newest.set(userId, sequence);
  }

  /**
   * Resolves once a read shows the user everything that they were answered before it began.
   * @throws {RequestFailed} `UNAVAILABLE` when the projections stay behind.
   */
  async readable(userId: string, signal: AbortSignal): Promise<void> {
    await this.#hearOfAll(signal);
    const newest = Math.max(this.#newest.get(userId) ?? 0, this.#newestOfOthers);
    await this.#progress.reached(newest, signal);
  }

  /** What other gateways answered lies in the log by now: reads on until there. */
  async #hearOfAll(signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const late = this.#clock.sleep(END_WAIT_MS_MAX, AbortSignal.any([ended.signal, signal])).then(
      () => ended.abort(LATE),
      (reason: unknown) => ended.abort(reason),
    );
    try {
      const end = await orAborted(this.#logEnd.load(END), ended.signal);
      if (end !== undefined && end > this.#progress.sequence)
        await this.#feed.reached(end, ended.signal);
    } catch (error) {
      signal.throwIfAborted();
      // Rows that may lack what another gateway answered are better than none during an outage.
      this.#logger.warn({ err: error }, 'a read does not know where the log ends');
    } finally {
      ended.abort(LATE);
      await late;
    }
  }
}

/** Given as a reason so that none is made, with a stack, for every read. */
const LATE = new Error('the end of the log was not reached in time');

/** @throws the signal's reason, when it fires first. */
function orAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
