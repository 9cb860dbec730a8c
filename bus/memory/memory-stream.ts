import type { Clock } from '../clock.ts';

const DUPLICATE_WINDOW_MS = 120_000;

export interface StoredMessage {
  readonly sequence: number;
  readonly subject: string;
  readonly messageId: string | undefined;
  readonly body: Uint8Array;
}

export interface NewMessage {
  readonly subject: string;
  readonly body: Uint8Array;
  /** Stored once within two minutes. */
  readonly messageId?: string;
}

/** A stream of JetStream, as far as the bus uses one. */
export class MemoryStream {
  readonly #clock: Clock;
  #messages: StoredMessage[] = [];
  #lastSequence = 0;
  readonly #lastOfSubject = new Map<string, number>();
  readonly #ofSubject = new Map<string, StoredMessage[]>();
  readonly #recent = new Map<string, { readonly sequence: number; readonly atMs: number }>();
  readonly #listeners = new Set<Listener>();
  readonly #filters = new Map<string, Filter>();
  readonly #observe: ((message: StoredMessage) => void) | undefined;

  /** `observe` is told of each message in the moment it lies there. */
  constructor(clock: Clock, observe?: (message: StoredMessage) => void) {
    this.#clock = clock;
    this.#observe = observe;
  }

  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** Messages that are kept. */
  get size(): number {
    return this.#messages.length;
  }

  /** Sequence of the newest message of a subject; 0 when there is none. */
  lastOf(subject: string): number {
    return this.#lastOfSubject.get(subject) ?? 0;
  }

  store({ subject, body, messageId }: NewMessage): number {
    const nowMs = this.#clock.nowMs();
    if (messageId !== undefined) {
      const met = this.#recent.get(messageId);
      if (met !== undefined && nowMs - met.atMs < DUPLICATE_WINDOW_MS) return met.sequence;
    }
    const sequence = ++this.#lastSequence;
    const message = { sequence, subject, messageId, body };
    this.#messages.push(message);
    this.#lastOfSubject.set(subject, sequence);
    const ofSubject = this.#ofSubject.get(subject);
    if (ofSubject === undefined) this.#ofSubject.set(subject, [message]);
    else ofSubject.push(message);
    if (messageId !== undefined) this.#remember(messageId, sequence, nowMs);
    this.#observe?.(message);
    for (const { filter, wake } of [...this.#listeners]) if (filter.matches(subject)) wake();
    return sequence;
  }

  /** The first messages after a sequence whose subject matches, at most `messagesMax`. */
  read(filter: string, afterSequence: number, messagesMax: number): readonly StoredMessage[] {
    if (afterSequence >= this.#lastSequence) return [];
    if (!filter.includes('*') && !filter.endsWith('>')) {
      const messages = this.#ofSubject.get(filter) ?? [];
      const first = indexAfter(messages, afterSequence);
      return messages.slice(first, first + messagesMax);
    }
    const { matches } = this.#filterOf(filter);
    const found: StoredMessage[] = [];
    const first = indexAfter(this.#messages, afterSequence);
    for (let index = first; found.length < messagesMax; index++) {
      const message = this.#messages[index];
      if (message === undefined) break;
      if (matches(message.subject)) found.push(message);
    }
    return found;
  }

  /** Removes matching messages up to and with `sequence`. */
  purge(filter: string, sequence: number): void {
    const { matches } = this.#filterOf(filter);
    const isKept = (message: StoredMessage): boolean =>
      message.sequence > sequence || !matches(message.subject);
    this.#messages = this.#messages.filter(isKept);
    for (const [subject, messages] of this.#ofSubject) {
      if (!matches(subject)) continue;
      const kept = messages.slice(indexAfter(messages, sequence));
      if (kept.length > 0) this.#ofSubject.set(subject, kept);
      else {
        // To an append a subject without messages is one that never was.
        this.#ofSubject.delete(subject);
        this.#lastOfSubject.delete(subject);
      }
    }
  }

  /** Calls back for each message that matches. */
  onStore(filter: string, wake: () => void): () => void {
    const listener = { filter: this.#filterOf(filter), wake };
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #filterOf(filter: string): Filter {
    const known = this.#filters.get(filter);
    if (known !== undefined) return known;
    const created = createFilter(filter);
    this.#filters.set(filter, created);
    return created;
  }

  #remember(messageId: string, sequence: number, nowMs: number): void {
    this.#recent.delete(messageId);
    this.#recent.set(messageId, { sequence, atMs: nowMs });
    for (const [id, { atMs }] of this.#recent) {
      if (nowMs - atMs < DUPLICATE_WINDOW_MS) break;
      this.#recent.delete(id);
    }
  }
}

interface Listener {
  readonly filter: Filter;
  readonly wake: () => void;
}

interface Filter {
  readonly matches: (subject: string) => boolean;
}

/** Remembers its answers: a stream has few filters and few subjects, and each meets each often. */
function createFilter(filter: string): Filter {
  const answers = new Map<string, boolean>();
  return {
    matches: (subject) => {
      let answer = answers.get(subject);
      if (answer === undefined) {
        answer = matchesSubject(filter, subject);
        answers.set(subject, answer);
      }
      return answer;
    },
  };
}

function indexAfter(messages: readonly StoredMessage[], sequence: number): number {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const message = messages[middle];
    if (message !== undefined && message.sequence <= sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether a subject matches a filter, where `*` is any token and `>` is all the rest. */
export function matchesSubject(filter: string, subject: string): boolean {
  if (filter === subject) return true;
  const wanted = filter.split('.');
  const tokens = subject.split('.');
  for (const [index, token] of wanted.entries()) {
    if (token === '>') return tokens.length > index;
    if (tokens[index] === undefined || (token !== '*' && token !== tokens[index])) return false;
  }
  return wanted.length === tokens.length;
}
