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
  readonly #recent = new Map<string, { readonly sequence: number; readonly atMs: number }>();
  readonly #listeners = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
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
    this.#messages.push({ sequence, subject, messageId, body });
    this.#lastOfSubject.set(subject, sequence);
    if (messageId !== undefined) this.#remember(messageId, sequence, nowMs);
    for (const listener of [...this.#listeners]) listener();
    return sequence;
  }

  /** The first messages after a sequence whose subject matches, at most `messagesMax`. */
  read(filter: string, afterSequence: number, messagesMax: number): readonly StoredMessage[] {
    const found: StoredMessage[] = [];
    for (let index = this.#indexAfter(afterSequence); found.length < messagesMax; index++) {
      const message = this.#messages[index];
      if (message === undefined) break;
      if (matchesSubject(filter, message.subject)) found.push(message);
    }
    return found;
  }

  /** Removes matching messages up to and with `sequence`. */
  purge(filter: string, sequence: number): void {
    this.#messages = this.#messages.filter(
      (message) => message.sequence > sequence || !matchesSubject(filter, message.subject),
    );
  }

  onStore(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #remember(messageId: string, sequence: number, nowMs: number): void {
    this.#recent.delete(messageId);
    this.#recent.set(messageId, { sequence, atMs: nowMs });
    for (const [id, { atMs }] of this.#recent) {
      if (nowMs - atMs < DUPLICATE_WINDOW_MS) break;
      this.#recent.delete(id);
    }
  }

  #indexAfter(sequence: number): number {
    let low = 0;
    let high = this.#messages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const message = this.#messages[middle];
      if (message !== undefined && message.sequence <= sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
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
