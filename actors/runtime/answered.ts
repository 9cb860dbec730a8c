import {
  aggregateOfEvent,
  type Bus,
  type CommandEnvelope,
  type RecordedCommit,
  readCommit,
} from '@orrery/bus';
import type { Answer } from './verdict.ts';

/** Commands of a partition whose answers are known by heart; older ones are looked up in the log. */
const ANSWERS_MAX = 16_384;

/** Commits that are searched for one that may have been made twice, from the newest one back. */
const SEARCHED_MAX = 50_000;

type Asked = Pick<CommandEnvelope, 'id' | 'againAfter'>;

interface Answered {
  readonly answer: Answer;
  /** Of the newest commit of its aggregate then. */
  readonly sequence: number;
}

/**
 * What the commands of a partition came to, so that one which was given to several, or to the same one twice,
 * is decided once. Those of this tenure are kept here; for earlier ones the log is searched, but only when a
 * command says that it comes again.
 */
export class AnsweredCommands {
  readonly #bus: Bus;
  readonly #partition: number;
  /** In the order in which they were answered. */
  readonly #answers = new Map<string, Answered>();
  /** Whatever is committed behind this place, and not forgotten, is known here. */
  #knownAfter = 0;
  /** What lies before this place is never searched. */
  #searchedAfter = 0;

  constructor(bus: Bus, partition: number) {
    this.#bus = bus;
    this.#partition = partition;
  }

  /** The tenure begins when the log reaches up to this place. */
  begin(sequence: number): void {
    this.#knownAfter = sequence;
    this.#searchedAfter = sequence - SEARCHED_MAX;
  }

  /** A commit that was read to fold it: one of an earlier owner may come late. */
  learn(commit: RecordedCommit): void {
    if (commit.sequence <= this.#knownAfter) return;
    for (const id of commandIdsOf(commit)) this.note(id, 'changed', commit.sequence);
  }

  note(id: string, answer: Answer, sequence: number): void {
    this.#answers.set(id, { answer, sequence });
    if (this.#answers.size <= ANSWERS_MAX) return;
    const [oldest] = this.#answers;
    if (oldest === undefined) return;
    this.#answers.delete(oldest[0]);
    this.#knownAfter = Math.max(this.#knownAfter, oldest[1].sequence);
  }

  /** What it came to; of one that does not say that it comes again, a refusal may be another now. */
  find({ id, againAfter }: Asked): Answer | undefined {
    const answer = this.#answers.get(id)?.answer;
    return typeof answer === 'object' && againAfter === undefined ? undefined : answer;
  }

  /** Searches the log for a command that comes again, if it must be. @throws {BusUnavailable} */
  async search({ id, againAfter }: Asked): Promise<void> {
    if (againAfter === undefined || this.#answers.has(id)) return;
    const upTo = this.#knownAfter;
    const after = Math.max(againAfter, this.#searchedAfter);
    if (after >= upTo) return;
    const found = await this.#read(after, upTo);
    // Before what is known already, as that is newer.
    const newer = [...this.#answers];
    this.#answers.clear();
    this.#knownAfter = Math.min(after, this.#knownAfter);
    for (const [one, { answer, sequence }] of [...found, ...newer])
      this.note(one, answer, sequence);
  }

  async #read(after: number, upTo: number): Promise<readonly (readonly [string, Answered])[]> {
    const { log, inbox } = this.#bus;
    const found: [string, Answered][] = [];
    for await (const page of log.readMessages({ afterSequence: after, upToSequence: upTo }))
      for (const message of page) {
        const place = aggregateOfEvent(message.subject);
        if (place === undefined) continue;
        if (inbox.partitionOf(place.aggregate, place.aggregateId) !== this.#partition) continue;
        const commit = readCommit(message);
        for (const id of commandIdsOf(commit))
          found.push([id, { answer: 'changed', sequence: commit.sequence }]);
      }
    return found;
  }
}

function commandIdsOf({ commandId, commands }: RecordedCommit): readonly string[] {
  return commands?.map(({ id }) => id) ?? [commandId];
}
