import type { AggregateName, Clock, EventLog, Logger, RecordedCommit } from '@orrery/bus';

/** Wait before the log is followed again after a failure. Milliseconds. */
const FOLLOW_AGAIN_MS = 500;

export type CommitListener = (commit: RecordedCommit) => void;

/** The one follower of the log in this process, and all who listen to it. */
export class LogFeed {
  readonly #log: EventLog;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #listeners = new Set<CommitListener>();
  readonly #ofAggregate = new Map<string, Set<CommitListener>>();
  #sequence = 0;

  constructor(options: { readonly log: EventLog; readonly clock: Clock; readonly logger: Logger }) {
    this.#log = options.log;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** Sequence of the newest commit that the listeners were told. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Starts with the commits that come from now on. @throws {BusUnavailable} */
  async start(signal: AbortSignal): Promise<{ readonly ended: Promise<void> }> {
    this.#sequence = await this.#log.lastSequence();
    return { ended: this.#run(signal) };
  }

  /** Told of every commit, in order. A listener returns at once and never throws. */
  onCommit(listener: CommitListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  onCommitOf(aggregate: AggregateName, id: string, listener: CommitListener): Disposable {
    const key = `${aggregate}.${id}`;
    const listeners = this.#ofAggregate.get(key) ?? new Set();
    this.#ofAggregate.set(key, listeners.add(listener));
    return {
      [Symbol.dispose]: () => {
        listeners.delete(listener);
        if (listeners.size === 0 && this.#ofAggregate.get(key) === listeners)
          this.#ofAggregate.delete(key);
      },
    };
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const batches = this.#log.follow({ afterSequence: this.#sequence, signal });
        for await (const commits of batches) for (const commit of commits) this.#tell(commit);
      } catch (error) {
        if (signal.aborted) return;
        this.#logger.warn({ err: error }, 'following the log failed; it is followed again');
      }
      if (!signal.aborted) await this.#pause(signal);
    }
  }

  async #pause(signal: AbortSignal): Promise<void> {
    try {
      await this.#clock.sleep(FOLLOW_AGAIN_MS, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #tell(commit: RecordedCommit): void {
    if (commit.sequence <= this.#sequence) return;
    this.#sequence = commit.sequence;
    for (const listener of this.#listeners) listener(commit);
    const listeners = this.#ofAggregate.get(`${commit.aggregate}.${commit.aggregateId}`);
    if (listeners !== undefined) for (const listener of listeners) listener(commit);
  }
}
