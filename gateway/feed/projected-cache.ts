import type { AggregateName, RecordedCommit } from '@orrery/bus';
import { LRUCache } from 'lru-cache';
import type { LogFeed } from './log-feed.ts';
import type { Progress } from './progress.ts';

/**
 * Rows that change seldom and are read at every request. Emptied at each commit of their aggregates, and
 * nothing read before the projections have passed that commit is kept.
 */
export class ProjectedCache<Value extends object> {
  readonly #entries: LRUCache<string, Value>;
  readonly #load: (key: string) => Promise<Value | undefined>;
  readonly #progress: Progress;
  #changedAt = 0;

  constructor(options: {
    readonly aggregates: readonly AggregateName[];
    /** Which of their commits; absent: all. */
    readonly isOfInterest?: (commit: RecordedCommit) => boolean;
    readonly entriesMax: number;
    readonly feed: LogFeed;
    readonly progress: Progress;
    readonly load: (key: string) => Promise<Value | undefined>;
  }) {
    const { aggregates, isOfInterest, entriesMax, feed, progress, load } = options;
    this.#entries = new LRUCache({ max: entriesMax });
    this.#load = load;
    this.#progress = progress;
    for (const aggregate of aggregates)
      feed.onCommit(aggregate, (commit) => {
        if (isOfInterest?.(commit) === false) return;
        this.#changedAt = commit.sequence;
        this.#entries.clear();
      });
  }

  /** What is kept, without a look-up. */
  peek(key: string): Value | undefined {
    return this.#entries.get(key);
  }

  async get(key: string): Promise<Value | undefined> {
    const kept = this.#entries.get(key);
    if (kept !== undefined) return kept;
    const changedAt = this.#changedAt;
    const mayKeep = this.#progress.sequence >= changedAt;
    const value = await this.#load(key);
    if (value !== undefined && mayKeep && changedAt === this.#changedAt)
      this.#entries.set(key, value);
    return value;
  }
}
