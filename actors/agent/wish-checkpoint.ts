import type { AgentInbox, Clock, Logger } from '@orrery/bus';

/** At most one checkpoint is written in this time: it only spares a new agent some reading. */
const SAVE_PERIOD_MS = 2_000;

/** Knows up to which place of the node's inbox every wish is done, and writes it down. */
export class WishCheckpoint {
  readonly #inbox: AgentInbox;
  readonly #node: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  /** Wishes in work, in the order in which they came. */
  readonly #open = new Set<number>();
  readonly #onSaved: (sequence: number) => void;
  #newest: number;
  #saved: number;
  #saving: Promise<void> | undefined;

  constructor(options: {
    readonly inbox: AgentInbox;
    readonly node: string;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly signal: AbortSignal;
    readonly saved: number;
    /** Called with the place up to which no wish comes again. */
    readonly onSaved: (sequence: number) => void;
  }) {
    this.#inbox = options.inbox;
    this.#node = options.node;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#signal = options.signal;
    this.#newest = options.saved;
    this.#saved = options.saved;
    this.#onSaved = options.onSaved;
    options.onSaved(options.saved);
  }

  begin(sequence: number): void {
    this.#open.add(sequence);
    this.#newest = Math.max(this.#newest, sequence);
  }

  finish(sequence: number): void {
    this.#open.delete(sequence);
    this.#saving ??= this.#saveSoon().finally(() => {
      this.#saving = undefined;
      if (this.#done > this.#saved && !this.#signal.aborted) this.finish(0);
    });
  }

  /** Writes the last word. A failure costs the next agent some reading and is only noted. */
  async flush(): Promise<void> {
    await this.#saving;
    await this.#save();
  }

  get #done(): number {
    const [oldest] = this.#open;
    return oldest === undefined ? this.#newest : oldest - 1;
  }

  async #saveSoon(): Promise<void> {
    await this.#clock.sleep(SAVE_PERIOD_MS, this.#signal).catch(() => undefined);
    if (!this.#signal.aborted) await this.#save();
  }

  async #save(): Promise<void> {
    const done = this.#done;
    if (done <= this.#saved) return;
    try {
      await this.#inbox.saveCheckpoint(this.#node, done);
      this.#saved = done;
      this.#onSaved(done);
    } catch (err) {
      this.#logger.warn({ err, done }, 'the checkpoint could not be saved');
    }
  }
}
