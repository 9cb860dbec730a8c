import type { ReadMessage } from './chain.ts';
import { type AuditFault, type CommitPlace, faultAt } from './fault.ts';

/** What another store than the log remembers of a commit. */
export interface Witness {
  readonly sequence: number;
  readonly aggregate: string;
  readonly aggregateId: string;
  readonly firstRevision: number;
  readonly hash: string;
}

/** Commits that one side has and the other not, or not yet, before the comparison is given up. */
const DIFFERENCES_MAX = 10_000;

/** One commit that both sides have: at which place of the reading, and where the witness has it. */
interface Pair {
  readonly read: number;
  readonly witnessed: number;
}

/**
 * Compares a log with its witness, both in order. They are matched by hash and not by sequence, so that in
 * a copy of a log, which counts anew, one commit that was taken out or put in is one difference.
 */
export class WitnessComparison {
  /** Sequence up to which the witness knows the log. */
  readonly #horizon: number;
  readonly #expected = new Map<string, Witness>();
  readonly #unexpected = new Map<string, ReadMessage>();
  readonly #moved: AuditFault[] = [];
  readonly #order = new Map<string, number>();
  #reads = 0;
  #foremost: Pair = { read: -1, witnessed: -1 };
  #newest: Pair = { read: -1, witnessed: -1 };
  #isGivenUp = false;

  constructor(horizon: number) {
    this.#horizon = horizon;
  }

  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  /** The next message and the next witness; either is undefined at its end. */
  take(message: ReadMessage | undefined, witness: Witness | undefined): void {
    const read = this.#reads;
    if (message !== undefined) this.#reads += 1;
    if (message !== undefined && message.hash === witness?.hash) {
      this.#match({ read, witnessed: witness.sequence }, message);
      return;
    }
    if (witness !== undefined) this.#takeWitness(witness);
    if (message !== undefined) this.#takeMessage(message, read);
    this.#isGivenUp ||= this.#expected.size + this.#unexpected.size > DIFFERENCES_MAX;
  }

  /** All differences, once both sides were read to their ends. */
  finish(): readonly AuditFault[] {
    const faults = [...this.#moved];
    const places = new Map<string, Witness>();
    for (const witness of this.#expected.values()) places.set(nameOf(placeOf(witness)), witness);
    for (const message of this.#unexpected.values()) {
      const altered = places.get(nameOf(message));
      if (altered !== undefined) {
        places.delete(nameOf(message));
        const text = 'Its body is not the one that was recorded when it was committed.';
        faults.push(faultAt('commit-altered', message, text));
      } else if (message.sequence <= this.#horizon) {
        const text = 'Nobody saw it when the log was at this place.';
        faults.push(faultAt('commit-unknown', message, text));
      }
    }
    for (const witness of places.values()) {
      const text = `It was recorded at sequence ${witness.sequence}, and is not there.`;
      faults.push(faultAt('commit-missing', placeOf(witness), text));
    }
    return faults;
  }

  #takeWitness(witness: Witness): void {
    const message = this.#unexpected.get(witness.hash);
    if (message === undefined) {
      this.#expected.set(witness.hash, witness);
      return;
    }
    this.#unexpected.delete(witness.hash);
    const read = this.#order.get(witness.hash) ?? 0;
    this.#order.delete(witness.hash);
    this.#match({ read, witnessed: witness.sequence }, message);
  }

  #takeMessage(message: ReadMessage, read: number): void {
    const witness = this.#expected.get(message.hash);
    if (witness === undefined) {
      this.#unexpected.set(message.hash, message);
      this.#order.set(message.hash, read);
      return;
    }
    this.#expected.delete(message.hash);
    this.#match({ read, witnessed: witness.sequence }, message);
  }

  /** Pairs that cross one another tell of a commit out of its place. */
  #match(pair: Pair, message: ReadMessage): void {
    if (crosses(pair, this.#foremost) || crosses(pair, this.#newest)) {
      const text = `It was recorded at sequence ${pair.witnessed}, on the other side of its neighbours.`;
      this.#moved.push(faultAt('commit-moved', message, text));
    }
    if (pair.read > this.#foremost.read) this.#foremost = pair;
    if (pair.witnessed > this.#newest.witnessed) this.#newest = pair;
  }
}

function crosses(left: Pair, right: Pair): boolean {
  return (left.read - right.read) * (left.witnessed - right.witnessed) < 0;
}

function placeOf({ aggregate, aggregateId, firstRevision, sequence }: Witness): CommitPlace {
  return { aggregate, aggregateId, revision: firstRevision, sequence };
}

function nameOf({ aggregate, aggregateId, revision }: CommitPlace): string {
  return `${aggregate}.${aggregateId}.${revision}`;
}
