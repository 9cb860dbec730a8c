import { type AggregateName, aggregateOfEvent, type Bus, type Clock } from '@orrery/bus';

/** A server that lags behind the others shows what is missing after this time or another does. */
const REPLICA_DELAY_MS = 20;
const REPLICA_TRIES_MAX = 50;

const keyOf = (partition: number): string => `checkpoint.said.${partition}`;

export interface UnsaidAggregate {
  readonly aggregate: AggregateName;
  readonly id: string;
  /** Places of its commits in the log, in their order. */
  readonly sequences: readonly number[];
}

export interface Unsaid {
  /** Behind this lies what may be unsaid. */
  readonly after: number;
  /** Up to here it was looked for. */
  readonly upTo: number;
  /** Whose commits they are, in the order of their first ones. */
  readonly aggregates: readonly UnsaidAggregate[];
}

interface Tools {
  readonly bus: Bus;
  readonly clock: Clock;
}

/**
 * Finds what whoever had a partition before may have written without saying what follows. Partitions are
 * mostly taken several at once: then the log is read once for all of them.
 */
export class UnsaidSearch {
  readonly #tools: Tools;
  #asked: Question[] = [];
  #isSearching = false;

  constructor(tools: Tools) {
    this.#tools = tools;
  }

  /** What lies behind the partition's mark, or behind another place of the log. @throws {BusUnavailable} */
  find(partition: number, after?: number): Promise<Unsaid> {
    const answer = Promise.withResolvers<Unsaid>();
    this.#asked.push({ partition, after, answer });
    if (!this.#isSearching) void this.#searchAll();
    return answer.promise;
  }

  async #searchAll(): Promise<void> {
    this.#isSearching = true;
    // Those that begin in the same moment come along.
    await undefined;
    while (this.#asked.length > 0) {
      const asked = this.#asked;
      this.#asked = [];
      try {
        const found = await search(this.#tools, asked);
        for (const { partition, answer } of asked) {
          const unsaid = found.get(partition);
          if (unsaid === undefined) answer.reject(new Error(`nobody searched ${partition}`));
          else answer.resolve(unsaid);
        }
      } catch (error) {
        for (const { answer } of asked) answer.reject(error);
      }
    }
    this.#isSearching = false;
  }
}

interface Question {
  readonly partition: number;
  readonly after: number | undefined;
  readonly answer: PromiseWithResolvers<Unsaid>;
}

async function search(
  { bus, clock }: Tools,
  questions: readonly Pick<Question, 'partition' | 'after'>[],
): Promise<ReadonlyMap<number, Unsaid>> {
  const [upTo, marks] = await Promise.all([
    bus.log.lastSequence(),
    Promise.all(questions.map(({ partition, after }) => findMark(bus, partition, after))),
  ]);
  const searches = new Map<number, Search>();
  for (const { partition, mark } of marks) {
    // Before the first mark everything that was said followed from commands in the inbox: they are met again.
    if (mark === undefined) await saveSaid(bus, partition, upTo);
    searches.set(partition, { after: Math.min(upTo, mark ?? upTo), found: new Map() });
  }
  let read = Math.min(...[...searches.values()].map(({ after }) => after));
  for (let tries = 0; read < upTo && tries < REPLICA_TRIES_MAX; tries++) {
    if (tries > 0) await clock.sleep(REPLICA_DELAY_MS);
    for await (const page of bus.log.readMessages({ afterSequence: read, upToSequence: upTo }))
      for (const { subject, sequence } of page) {
        read = sequence;
        const place = aggregateOfEvent(subject);
        if (place === undefined) continue;
        const { aggregate, aggregateId: id } = place;
        const one = searches.get(bus.inbox.partitionOf(aggregate, id));
        if (one === undefined || sequence <= one.after) continue;
        const known = one.found.get(subject);
        if (known !== undefined) known.sequences.push(sequence);
        else one.found.set(subject, { aggregate, id, sequences: [sequence] });
      }
  }
  return new Map(
    [...searches].map(([partition, { after, found }]) => [
      partition,
      { after, upTo, aggregates: [...found.values()] },
    ]),
  );
}

interface Search {
  readonly after: number;
  readonly found: Map<string, UnsaidAggregate & { readonly sequences: number[] }>;
}

interface Mark {
  readonly partition: number;
  /** Undefined before the first. */
  readonly mark: number | undefined;
}

async function findMark(bus: Bus, partition: number, after: number | undefined): Promise<Mark> {
  if (after !== undefined) return { partition, mark: after };
  const saved = await bus.config.get(keyOf(partition));
  return { partition, mark: saved === undefined ? undefined : Number(saved.value) };
}

/** @throws {BusUnavailable} */
export async function saveSaid(bus: Bus, partition: number, upTo: number): Promise<void> {
  await bus.config.put(keyOf(partition), String(upTo));
}
