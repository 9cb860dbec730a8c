import type { Clock } from '../clock.ts';
import { BusUnavailable } from '../errors.ts';

/** One message on its way: into a stream, out of one to a follower, or past all streams. */
export interface Hop {
  readonly kind: 'append' | 'command' | 'ask' | 'wish' | 'alarm' | 'feed' | 'reply' | 'live';
  readonly subject: string;
}

/** What a simulator may do to messages. Everything that moves in the memory bus asks here first. */
export interface Faults {
  /**
   * Delays in milliseconds of the copies that arrive, `[0]` without faults. None: it is lost, and a sender
   * to a stream learns that as `BusUnavailable`. Different delays reorder. Messages of a stream reach a
   * follower once and in order, so of a feed only the first delay counts.
   */
  deliveries?(hop: Hop): readonly number[];
  /** The message was stored, and its sender nevertheless gets `BusUnavailable`. */
  isAcknowledgementLost?(hop: Hop): boolean;
}

/**
 * Carries the messages of one connection: the one place where faults happen. Once the connection is given
 * up, everything that is under way or comes later fails for its owner, as it would for a dead process.
 */
export class Carrier {
  readonly clock: Clock;
  readonly closed: AbortSignal;
  readonly #faults: Faults;

  constructor(clock: Clock, faults: Faults, closed: AbortSignal) {
    this.clock = clock;
    this.closed = closed;
    this.#faults = faults;
  }

  /** Stores a message by `store`, and its further copies by `storeCopy`. @throws {BusUnavailable} */
  async store<Value>(hop: Hop, store: () => Value, storeCopy: () => void): Promise<Value> {
    this.#assertOpen();
    const [first, ...copies] = this.#delaysOf(hop);
    if (first === undefined) throw new BusUnavailable('store a message');
    if (first > 0) await this.clock.sleep(first);
    const value = store();
    for (const delayMs of copies) this.#later(delayMs, storeCopy);
    if (this.#faults.isAcknowledgementLost?.(hop) === true)
      throw new BusUnavailable('acknowledge a message');
    this.#assertOpen();
    return value;
  }

  /** Asks the server something. @throws {BusUnavailable} */
  async ask<Value>(answer: () => Value): Promise<Value> {
    this.#assertOpen();
    const value = answer();
    await undefined;
    this.#assertOpen();
    return value;
  }

  /** Hands over a message that may be lost. */
  deliver(hop: Hop, handOver: () => void): void {
    if (this.closed.aborted) return;
    for (const delayMs of this.#delaysOf(hop)) this.#later(delayMs, handOver);
  }

  /** Holds messages of a stream back on their way to a follower. */
  async hold(hop: Hop): Promise<void> {
    const [delayMs = 0] = this.#delaysOf(hop);
    if (delayMs > 0) await this.clock.sleep(delayMs);
  }

  #assertOpen(): void {
    if (this.closed.aborted) throw new BusUnavailable('stay connected');
  }

  #delaysOf(hop: Hop): readonly number[] {
    return this.#faults.deliveries?.(hop) ?? [0];
  }

  #later(delayMs: number, act: () => void): void {
    if (delayMs > 0) void this.clock.sleep(delayMs).then(act);
    else queueMicrotask(act);
  }
}
