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

/** Who is slower than this to arrive may have been stopped on the way, while its heir said the same. */
const LATE_MS = 5_000;

/** Commits that are searched for one that may have been made twice, from the newest one back. */
const SEARCHED_MAX = 50_000;

type Asked = Pick<CommandEnvelope, 'id' | 'againAfter'>;

/**
 * What the commands of a partition came to, so that one which was given to several, or to the same one twice,
 * is decided once. Those of this tenure are kept here; for earlier ones the log is searched, but only when a
 * command says that it comes again.
 */
export class AnsweredCommands {
  readonly #bus: Bus;
  readonly #partition: number;
  /** In the order in which they were answered. */
  readonly #answers = new Map<string, Answer>();
  /** Whatever is committed behind this place was read, and is known unless it was forgotten again. */
  #readAfter = 0;
  /** What lies before this place is never searched. */
  #searchedAfter = 0;

  constructor(bus: Bus, partition: number) {
    this.#bus = bus;
    this.#partition = partition;
  }

  /** The tenure begins when the log reaches up to this place. */
  begin(sequence: number): void {
    this.#readAfter = sequence;
    this.#searchedAfter = sequence - SEARCHED_MAX;
  }

  /** A commit that was read to fold it: one of an earlier owner may come late. */
  learn(commit: RecordedCommit): void {
    if (commit.sequence <= this.#readAfter) return;
    for (const id of commandIdsOf(commit)) this.note(id, 'changed');
  }

  note(id: string, answer: Answer): void {
    this.#answers.set(id, answer);
    if (this.#answers.size <= ANSWERS_MAX) return;
    const [oldest] = this.#answers.keys();
    if (oldest !== undefined) this.#answers.delete(oldest);
  }

  /** What it came to; of one that does not say that it comes again, a refusal may be another now. */
  find({ id, againAfter }: Asked): Answer | undefined {
    const answer = this.#answers.get(id);
    return typeof answer === 'object' && againAfter === undefined ? undefined : answer;
  }

  /**
   * Searches the log for a command that comes again, or so late that somebody may have given it again meanwhile; no
   * part of it twice. @throws {BusUnavailable}
   */
  async search(envelope: CommandEnvelope, nowMs: number): Promise<void> {
    const { id, againAfter = isLate(envelope, nowMs) ? 0 : undefined } = envelope;
    if (againAfter === undefined || this.#answers.has(id)) return;
    const upTo = this.#readAfter;
    const after = Math.max(againAfter, this.#searchedAfter);
    if (after >= upTo) return;
    const found = await this.#read(after, upTo);
    this.#readAfter = Math.min(after, this.#readAfter);
    // Before what is known already, as that is newer.
    const newer = [...this.#answers];
    this.#answers.clear();
    for (const [one, answer] of [...found, ...newer]) this.note(one, answer);
  }

  async #read(after: number, upTo: number): Promise<readonly (readonly [string, Answer])[]> {
    const { log, inbox } = this.#bus;
    const found: [string, Answer][] = [];
    for await (const page of log.readMessages({ afterSequence: after, upToSequence: upTo }))
      for (const message of page) {
        const place = aggregateOfEvent(message.subject);
        if (place === undefined) continue;
        if (inbox.partitionOf(place.aggregate, place.aggregateId) !== this.#partition) continue;
        for (const id of commandIdsOf(readCommit(message))) found.push([id, 'changed']);
      }
    return found;
  }
}

function commandIdsOf({ commandId, commands }: RecordedCommit): readonly string[] {
  return commands?.map(({ id }) => id) ?? [commandId];
}

/** An alarm is sent long before it rings. */
function isLate({ sentAtMs, command }: CommandEnvelope, nowMs: number): boolean {
  const { type } = command as { readonly type?: unknown };
  return type !== 'pass-deadline' && Math.abs(nowMs - sentAtMs) > LATE_MS;
}
