import type { Batch } from './batch.ts';

/** What a projector shows of itself. */
export class ProjectorState {
  projectedSequence = 0;
  /** Of the newest commit, when it was last looked at. */
  logSequence = 0;
  /** Whether it follows at this moment. */
  isFollowing = false;
  batches = 0;
  commits = 0;
  events = 0;
  interruptions = 0;
  lastBatchMs = 0;
  totalBatchMs = 0;
  readonly #onCaughtUp: () => void;
  #hasCaughtUp = false;

  /** `onCaughtUp` is called once, when everything is taken that the log held at the start. */
  constructor(onCaughtUp: () => void) {
    this.#onCaughtUp = onCaughtUp;
  }

  get hasCaughtUp(): boolean {
    return this.#hasCaughtUp;
  }

  resumed(projectedSequence: number, logSequence: number): void {
    this.isFollowing = true;
    this.projectedSequence = projectedSequence;
    this.logSequence = logSequence;
    this.#look();
  }

  projected(batch: Batch, durationMs: number): void {
    this.projectedSequence = batch.sequence;
    this.batches += 1;
    this.commits += batch.audit.length;
    this.events += batch.events.length;
    this.lastBatchMs = durationMs;
    this.totalBatchMs += durationMs;
    this.#look();
  }

  interrupted(): void {
    this.isFollowing = false;
    this.interruptions += 1;
  }

  #look(): void {
    if (this.#hasCaughtUp || this.projectedSequence < this.logSequence) return;
    this.#hasCaughtUp = true;
    this.#onCaughtUp();
  }
}
