import type { RecordedCommit } from '@orrery/bus';
import { type Batch, changedRows, foldBatch, missingIds, parseBatch } from './batch.ts';
import { emptyFolded, type Folded, isEnded, KINDS } from './folded.ts';
import { type Checkpoint, checkpointOf, type RowStore } from './row-store.ts';

/** States of a kind that are remembered between batches, so that most events need no loading. */
const REMEMBERED_MAX = 20_000;

/**
 * Takes commits into the tables, batch by batch. After a failure it must be thrown away: a new one
 * begins from what the tables say.
 */
export class Projection {
  readonly #store: RowStore;
  readonly #folded: Folded = emptyFolded();
  #checkpoint: Checkpoint;

  private constructor(store: RowStore, checkpoint: Checkpoint) {
    this.#store = store;
    this.#checkpoint = checkpoint;
  }

  static async resume(store: RowStore): Promise<Projection> {
    return new Projection(store, await store.checkpoint());
  }

  get checkpoint(): Checkpoint {
    return this.#checkpoint;
  }

  /** Commits in the order of the log; those up to the checkpoint are passed over. */
  async take(commits: readonly RecordedCommit[]): Promise<Batch | undefined> {
    const from = this.#checkpoint;
    const ahead = commits.filter(({ sequence }) => sequence > from.sequence);
    if (ahead.length === 0) return undefined;
    const batch = parseBatch(ahead);
    await this.#load(batch);
    foldBatch(this.#folded, batch);
    const to = checkpointOf(batch);
    await this.#store.write(changedRows(this.#folded, batch, from.sequence), from, to);
    this.#checkpoint = to;
    for (const { kind, id } of batch.events)
      if (isEnded(this.#folded, kind, id)) this.#folded[kind].delete(id);
    for (const kind of KINDS) forgetOldest(this.#folded[kind]);
    return batch;
  }

  async #load(batch: Batch): Promise<void> {
    for (const kind of KINDS) {
      const missing = missingIds(this.#folded, batch, kind);
      if (missing.length > 0) await this.#store.load(this.#folded, kind, missing);
    }
  }
}

/** Maps keep the order of insertion, and a folded state is put in again at the place it had. */
function forgetOldest(states: Map<string, unknown>): void {
  for (const id of states.keys()) {
    if (states.size <= REMEMBERED_MAX) return;
    states.delete(id);
  }
}
