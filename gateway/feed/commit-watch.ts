import type { AggregateName, RecordedCommit } from '@orrery/bus';
import type { LogFeed } from './log-feed.ts';

/** Sees the commits of one aggregate from before they are asked for; give it back after use. */
export class CommitWatch implements Disposable {
  readonly #listening: Disposable;
  readonly #seen: RecordedCommit[] = [];
  #wake: (() => void) | undefined;

  constructor(feed: LogFeed, of: { readonly aggregate: AggregateName; readonly id: string }) {
    this.#listening = feed.onCommitOf(of.aggregate, of.id, (commit) => {
      this.#seen.push(commit);
      this.#wake?.();
    });
  }

  /** The commit at that place, once the feed tells of it; undefined when the signal fires first. */
  async at(sequence: number, signal: AbortSignal): Promise<RecordedCommit | undefined> {
    for (;;) {
      const found = this.#seen.find((commit) => commit.sequence === sequence);
      if (found !== undefined || signal.aborted) return found;
      await this.#changed(signal);
    }
  }

  [Symbol.dispose](): void {
    this.#listening[Symbol.dispose]();
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        this.#wake = undefined;
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
