import type { LogMessage } from '../bus.ts';
import type { AggregateName } from '../envelope.ts';
import { keyOf } from './aggregate-key.ts';
import type { AnchoredSegment } from './archive-index.ts';
import { type FaultListener, SegmentReader } from './segment-reader.ts';
import type { SegmentStore } from './segment-store.ts';

/** Which commits are wanted. */
export interface Wanted {
  readonly aggregate?: AggregateName | undefined;
  readonly aggregateId?: string | undefined;
  readonly afterSequence: number;
}

interface Open {
  position: number;
  readonly segment: AnchoredSegment;
  reader: SegmentReader | undefined;
}

/**
 * The messages of many segments in the order of the log. A segment is opened when its first message is due,
 * and what was read of it is not held.
 */
export class SegmentMerge {
  readonly #store: SegmentStore;
  readonly #wanted: Wanted;
  readonly #listener: FaultListener | undefined;
  readonly #known = new Set<number>();
  /** A heap: each is no later than the two below it. */
  readonly #open: Open[] = [];

  constructor(store: SegmentStore, wanted: Wanted, listener?: FaultListener) {
    this.#store = store;
    this.#wanted = wanted;
    this.#listener = listener;
  }

  /** Segments may come while others are read; each counts once. */
  add(segments: readonly AnchoredSegment[]): void {
    for (const segment of segments) {
      if (this.#known.has(segment.number)) continue;
      this.#known.add(segment.number);
      if (!this.#isWanted(segment)) continue;
      this.#open.push({ position: segment.firstSequence, segment, reader: undefined });
      this.#rise(this.#open.length - 1);
    }
  }

  /** The next message up to a sequence, included; undefined when there is none. */
  async next(upToSequence: number): Promise<LogMessage | undefined> {
    for (;;) {
      const first = this.#open[0];
      if (first === undefined || first.position > upToSequence) return undefined;
      if (first.reader === undefined) {
        first.reader = await SegmentReader.open(this.#store, first.segment, this.#listener);
        this.#settle(first, first.reader);
        continue;
      }
      const message = first.reader.take();
      this.#settle(first, first.reader);
      if (message !== undefined && this.#isWantedMessage(message)) return message;
    }
  }

  #isWanted(segment: AnchoredSegment): boolean {
    const { aggregate, aggregateId, afterSequence } = this.#wanted;
    if (segment.lastSequence <= afterSequence) return false;
    if (aggregate === undefined) return true;
    if (aggregateId === undefined) return segment.kinds.includes(aggregate);
    return segment.mayHold(keyOf(aggregate, aggregateId));
  }

  #isWantedMessage({ sequence, subject }: LogMessage): boolean {
    const { aggregate, aggregateId, afterSequence } = this.#wanted;
    if (sequence <= afterSequence) return false;
    if (aggregate === undefined) return true;
    if (aggregateId === undefined) return subject.startsWith(`evt.${aggregate}.`);
    return subject === `evt.${aggregate}.${aggregateId}`;
  }

  /** After the first one has moved on. */
  #settle(first: Open, reader: SegmentReader): void {
    const { position } = reader;
    if (position === undefined) {
      const last = this.#open.pop();
      if (last === undefined || last === first) return;
      this.#open[0] = last;
    } else first.position = position;
    this.#sink(0);
  }

  #rise(from: number): void {
    for (let at = from; at > 0; ) {
      const above = (at - 1) >>> 1;
      if (this.#positionAt(above) <= this.#positionAt(at)) return;
      this.#swap(above, at);
      at = above;
    }
  }

  #sink(from: number): void {
    for (let at = from; ; ) {
      const left = 2 * at + 1;
      const least = this.#positionAt(left + 1) < this.#positionAt(left) ? left + 1 : left;
      if (this.#positionAt(least) >= this.#positionAt(at)) return;
      this.#swap(least, at);
      at = least;
    }
  }

  #positionAt(index: number): number {
    return this.#open[index]?.position ?? Number.POSITIVE_INFINITY;
  }

  #swap(left: number, right: number): void {
    const one = this.#open[left];
    const other = this.#open[right];
    if (one === undefined || other === undefined) return;
    this.#open[left] = other;
    this.#open[right] = one;
  }
}
