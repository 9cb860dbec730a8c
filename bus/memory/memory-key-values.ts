import type { KeyValues } from '../bus.ts';
import type { Clock } from '../clock.ts';
import type { Carrier } from './faults.ts';

const SECOND_MS = 1000;

interface Entry {
  readonly value: string;
  readonly revision: number;
  readonly expiresAtMs: number;
}

/** The entries of all connections. */
export class MemoryEntries {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  #revisions = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  find(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.expiresAtMs > this.#clock.nowMs()) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  write(key: string, value: string, timeToLiveMs = Number.POSITIVE_INFINITY): number {
    const revision = ++this.#revisions;
    // Whole seconds, as the server counts.
    const lifeMs = Math.ceil(timeToLiveMs / SECOND_MS) * SECOND_MS;
    this.#entries.set(key, { value, revision, expiresAtMs: this.#clock.nowMs() + lifeMs });
    return revision;
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}

export function createMemoryKeyValues(entries: MemoryEntries, carrier: Carrier): KeyValues {
  return {
    get: (key) =>
      carrier.ask(() => {
        const entry = entries.find(key);
        return entry === undefined ? undefined : { value: entry.value, revision: entry.revision };
      }),
    put: (key, value) => carrier.ask(() => entries.write(key, value)),
    create: (key, value, timeToLiveMs) =>
      carrier.ask(() =>
        entries.find(key) === undefined ? entries.write(key, value, timeToLiveMs) : undefined,
      ),
    update: (key, value, revision, timeToLiveMs) =>
      carrier.ask(() =>
        entries.find(key)?.revision === revision
          ? entries.write(key, value, timeToLiveMs)
          : undefined,
      ),
    delete: (key) => carrier.ask(() => entries.delete(key)),
  };
}
