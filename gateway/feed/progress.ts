import { type Clock, type LiveChannel, type Logger, subjects } from '@orrery/bus';
import { z } from 'zod';
import { RequestFailed } from '../errors.ts';
import { Watermark } from './watermark.ts';

/** How long an answer waits for the projections to pass a commit. Milliseconds. */
export const PROJECTED_WAIT_MS_MAX = 30_000;
/** The projector's notices may be lost: while somebody waits, its checkpoint is read this often. */
const CHECKPOINT_READ_MS = 250;

/** Given as a reason so that none is made, with a stack, for every wait. */
const FINISHED = new Error('the wait is over');

const Projected = z.object({ sequence: z.int().min(0) });

/** How far the projections are, as far as this process knows. */
export class Progress {
  readonly #live: LiveChannel;
  readonly #checkpoint: () => Promise<number>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #closing: AbortSignal;
  readonly #projected = new Watermark();
  #reading: Promise<void> | undefined;

  constructor(options: {
    readonly live: LiveChannel;
    readonly checkpoint: () => Promise<number>;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly closing: AbortSignal;
  }) {
    this.#live = options.live;
    this.#checkpoint = options.checkpoint;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#closing = options.closing;
  }

  get sequence(): number {
    return this.#projected.sequence;
  }

  /** Listens to the projector until this process closes. */
  async run(): Promise<void> {
    for await (const { body } of this.#live.subscribe(subjects.projected, this.#closing)) {
      const projected = Projected.safeParse(body);
      if (projected.success) this.#projected.advance(projected.data.sequence);
    }
  }

  /**
   * Resolves once the projections hold the commit of that sequence.
   * @throws {RequestFailed} `UNAVAILABLE` when they do not within `PROJECTED_WAIT_MS_MAX`.
   */
  async reached(sequence: number, signal: AbortSignal): Promise<void> {
    if (sequence <= this.sequence) return;
    const ended = new AbortController();
    const late = this.#clock
      .sleep(PROJECTED_WAIT_MS_MAX, AbortSignal.any([ended.signal, signal]))
      .then(
        () => ended.abort(behind(sequence)),
        (reason: unknown) => ended.abort(reason),
      );
    const reached = this.#projected.reached(sequence, ended.signal);
    this.#reading ??= this.#readCheckpoints().finally(() => {
      this.#reading = undefined;
    });
    try {
      await reached;
    } finally {
      ended.abort(FINISHED);
      await late;
    }
  }

  async #readCheckpoints(): Promise<void> {
    while (this.#projected.waiting > 0 && !this.#closing.aborted) {
      try {
        await this.#clock.sleep(CHECKPOINT_READ_MS, this.#closing);
        if (this.#projected.waiting > 0) this.#projected.advance(await this.#checkpoint());
      } catch (error) {
        if (this.#closing.aborted) return;
        this.#logger.warn({ err: error }, 'the checkpoint of the projections could not be read');
      }
    }
  }
}

function behind(sequence: number): RequestFailed {
  return new RequestFailed(
    'UNAVAILABLE',
    'What was asked for is recorded, but cannot be read yet. Ask again in a moment.',
    { details: { sequence } },
  );
}
