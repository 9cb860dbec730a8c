import { type Clock, type CommandEnvelope, type Inbox, Overdue } from '@orrery/bus';
import type { LaneCommand } from './lane.ts';

/** What is not committed within this time is put into the inbox of its aggregate. */
const HANDED_MS_MAX = 1_000;

type Taker = (command: LaneCommand) => void;

/**
 * Hands what actors tell each other to the lanes of the same host, without a message, and past the inbox to
 * those of others: the commit that says it is in the log, and counts as unsaid until what follows from it is
 * there too.
 */
export class Handover {
  readonly #inbox: Inbox;
  readonly #knows: (aggregate: string) => boolean;
  readonly #overdue: Overdue<object>;
  /** By partition. */
  readonly #takers = new Map<number, Taker>();

  constructor(options: {
    readonly inbox: Inbox;
    readonly clock: Clock;
    readonly closed: AbortSignal;
    /** Whether this host runs aggregates of the name. */
    readonly knows: (aggregate: string) => boolean;
  }) {
    const { clock, closed } = options;
    this.#inbox = options.inbox;
    this.#knows = options.knows;
    this.#overdue = new Overdue({ clock, closed, waitMsMax: HANDED_MS_MAX });
  }

  /** From now on the partition is this host's; returns how to end that. */
  enter(partition: number, taker: Taker): () => void {
    this.#takers.set(partition, taker);
    return () => {
      if (this.#takers.get(partition) === taker) this.#takers.delete(partition);
    };
  }

  /**
   * Resolves when what follows from it is in the log, or it lies in an inbox. What is late here is put into
   * the inbox too, with the place of the log behind which it may have been committed by then.
   * @throws {BusUnavailable}
   */
  async deliver(envelope: CommandEnvelope, after: number): Promise<void> {
    const { aggregate, aggregateId } = envelope;
    const taker = this.#takers.get(this.#inbox.partitionOf(aggregate, aggregateId));
    if (!this.#knows(aggregate)) await this.#inbox.send(envelope);
    else if (taker === undefined) await this.#inbox.deliver(envelope);
    else if (!(await this.#hand(envelope, taker)))
      await this.#inbox.send({ againAfter: after, ...envelope });
  }

  /** False when it was not taken, or not yet. */
  #hand(envelope: CommandEnvelope, taker: Taker): Promise<boolean> {
    return new Promise((resolve) => {
      const key = {};
      const end = (isTaken: boolean): void => {
        this.#overdue.leave(key);
        resolve(isTaken);
      };
      this.#overdue.enter(key, () => resolve(false));
      // As it would have arrived in a message: nobody shares what another may change.
      const text = JSON.stringify(envelope);
      const copy = JSON.parse(text) as CommandEnvelope;
      const settle = (how: 'taken' | 'declined'): void => end(how === 'taken');
      taker({ sequence: 0, bytes: text.length, envelope: copy, settle });
    });
  }
}
