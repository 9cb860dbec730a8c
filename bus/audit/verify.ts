import type { LogMessage } from '../bus.ts';
import { ChainWalk, type ReadMessage } from './chain.ts';
import { type AuditFault, faultAt } from './fault.ts';
import { type Witness, WitnessComparison } from './witness.ts';

/** Faults that are told one by one. */
export const FAULTS_MAX = 1_000;

export interface VerifyOptions {
  /** The log, or a part of it, as it lies there, in order. */
  readonly messages: AsyncIterable<readonly LogMessage[]>;
  /** `first-commit`: nothing of these aggregates lies before what is read. */
  readonly from: 'first-commit' | 'anywhere';
  /** What another store remembers of the same part of the log, in order. */
  readonly witness?:
    | {
        readonly commits: AsyncIterable<readonly Witness[]>;
        /** Sequence up to which it knows the log. */
        readonly horizon: number;
      }
    | undefined;
  /** Given when every sequence in (after, upTo] must be there, as in a live stream read as a whole. */
  readonly range?: { readonly after: number; readonly upTo: number } | undefined;
  /** Where the reader of `messages` puts what it finds; taken in as it grows. */
  readonly found?: AuditFault[] | undefined;
}

export interface AuditReport {
  readonly isWhole: boolean;
  readonly commits: number;
  readonly aggregates: number;
  /** Of the newest message that was read. */
  readonly lastSequence: number;
  /** Sequence up to which the witness was asked; behind it there are the chains alone. */
  readonly witnessedSequence: number;
  /** In the order of the log, at most `FAULTS_MAX`. */
  readonly faults: readonly AuditFault[];
  readonly hasMoreFaults: boolean;
}

/** Reads a log to its end and tells what in it is not as it was written. Changes nothing. */
export async function verifyLog(options: VerifyOptions): Promise<AuditReport> {
  const { messages, from, witness, range, found = [] } = options;
  const horizon = witness?.horizon ?? 0;
  const chains = new ChainWalk(from);
  const comparison = new WitnessComparison(horizon);
  await using witnesses = new Pages(witness?.commits);
  const faults = new FaultList();
  let commits = 0;
  let lastSequence = range?.after ?? 0;
  for await (const page of messages) {
    faults.add(found.splice(0));
    for (const message of page) {
      const read: ReadMessage = chains.take(message);
      commits += 1;
      faults.add(read.faults);
      if (range !== undefined) faults.add(gap(lastSequence, message.sequence, horizon));
      lastSequence = message.sequence;
      if (witness === undefined || comparison.isGivenUp) continue;
      comparison.take(read, witnesses.isBuffered ? witnesses.shift() : await witnesses.next());
    }
  }
  faults.add(found.splice(0));
  if (range !== undefined) faults.add(gap(lastSequence, range.upTo + 1, horizon));
  while (!comparison.isGivenUp) {
    const left = await witnesses.next();
    if (left === undefined) break;
    comparison.take(undefined, left);
  }
  faults.add(comparison.finish());
  const { hasMore, list } = faults;
  return {
    isWhole: list.length === 0,
    commits,
    aggregates: chains.aggregates,
    lastSequence,
    witnessedSequence: horizon,
    faults: list,
    hasMoreFaults: hasMore || comparison.isGivenUp,
  };
}

/** What is missing up to the horizon is named by the witness. */
function gap(previous: number, sequence: number, horizon: number): readonly AuditFault[] {
  const first = Math.max(previous, horizon) + 1;
  if (sequence <= first) return [];
  const last = sequence - 1;
  const text =
    last === first ? `There is no message ${first}.` : `There are no messages ${first} to ${last}.`;
  return [faultAt('sequence-missing', { sequence: first }, text)];
}

class FaultList {
  readonly #faults: AuditFault[] = [];
  hasMore = false;

  get list(): readonly AuditFault[] {
    return this.#faults.toSorted((left, right) => (left.sequence ?? 0) - (right.sequence ?? 0));
  }

  add(faults: readonly AuditFault[]): void {
    const room = FAULTS_MAX - this.#faults.length;
    this.#faults.push(...faults.slice(0, room));
    this.hasMore ||= faults.length > room;
  }
}

/** The items of pages, one by one; nothing is awaited within a page. */
class Pages<Item> implements AsyncDisposable {
  readonly #pages: AsyncIterator<readonly Item[]> | undefined;
  #page: readonly Item[] = [];
  #at = 0;

  constructor(pages: AsyncIterable<readonly Item[]> | undefined) {
    this.#pages = pages?.[Symbol.asyncIterator]();
  }

  get isBuffered(): boolean {
    return this.#at < this.#page.length;
  }

  shift(): Item | undefined {
    const item = this.#page[this.#at];
    this.#at += 1;
    return item;
  }

  async next(): Promise<Item | undefined> {
    while (!this.isBuffered) {
      const page = await this.#pages?.next();
      if (page === undefined || page.done === true) return undefined;
      this.#page = page.value;
      this.#at = 0;
    }
    return this.shift();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pages?.return?.();
  }
}
