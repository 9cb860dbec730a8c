import type { KeyChange, KeyValues } from '../bus.ts';
import type { Clock } from '../clock.ts';
import { BusUnavailable } from '../errors.ts';
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
  readonly #watchers = new Set<(change: KeyChange) => void>();
  readonly #ended = new AbortController();
  #sleeper = new AbortController();
  #wakesAtMs = Number.POSITIVE_INFINITY;
  #revisions = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  find(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.expiresAtMs > this.#clock.nowMs()) return entry;
    this.delete(key);
    return undefined;
  }

  write(key: string, value: string, timeToLiveMs = Number.POSITIVE_INFINITY): number {
    const revision = ++this.#revisions;
    // Whole seconds, as the server counts.
    const lifeMs = Math.ceil(timeToLiveMs / SECOND_MS) * SECOND_MS;
    const expiresAtMs = this.#clock.nowMs() + lifeMs;
    this.#entries.delete(key);
    this.#entries.set(key, { value, revision, expiresAtMs });
    this.#tell({ key, value });
    if (Number.isFinite(expiresAtMs)) void this.#expire();
    return revision;
  }

  delete(key: string): void {
    if (this.#entries.delete(key)) this.#tell({ key, value: undefined });
  }

  /** In the order in which they were written. */
  under(prefix: string): readonly KeyChange[] {
    return [...this.#entries]
      .filter(([key]) => key.startsWith(`${prefix}.`) && this.find(key) !== undefined)
      .map(([key, { value }]) => ({ key, value }));
  }

  onChange(watcher: (change: KeyChange) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Expires nothing any more: no timer of the clock is left. */
  end(): void {
    this.#ended.abort();
  }

  #tell(change: KeyChange): void {
    for (const watcher of [...this.#watchers]) watcher(change);
  }

  /** One sleeper for all entries: it sleeps until the first of them ends. */
  async #expire(): Promise<void> {
    const nextMs = Math.min(...[...this.#entries.values()].map(({ expiresAtMs }) => expiresAtMs));
    if (nextMs >= this.#wakesAtMs || this.#ended.signal.aborted) return;
    this.#sleeper.abort();
    const sleeper = new AbortController();
    this.#sleeper = sleeper;
    this.#wakesAtMs = nextMs;
    const ended = AbortSignal.any([sleeper.signal, this.#ended.signal]);
    const isOver = await this.#clock.sleep(Math.ceil(nextMs - this.#clock.nowMs()), ended).then(
      () => true,
      () => false,
    );
    if (!isOver) return;
    this.#wakesAtMs = Number.POSITIVE_INFINITY;
    for (const key of [...this.#entries.keys()]) this.find(key);
    void this.#expire();
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
    delete: (key, revision) =>
      carrier.ask(() => {
        if (revision === undefined || entries.find(key)?.revision === revision) entries.delete(key);
      }),
    watch: (prefix, signal) => watch({ entries, carrier }, prefix, signal),
  };
}

async function* watch(
  { entries, carrier }: { readonly entries: MemoryEntries; readonly carrier: Carrier },
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<readonly KeyChange[]> {
  let changes: KeyChange[] = [...entries.under(prefix)];
  let wake: (() => void) | undefined;
  const wakeUp = (): void => wake?.();
  const stop = entries.onChange((change) => {
    if (!change.key.startsWith(`${prefix}.`)) return;
    changes.push(change);
    wakeUp();
  });
  const { closed } = carrier;
  signal.addEventListener('abort', wakeUp);
  closed.addEventListener('abort', wakeUp);
  try {
    for (;;) {
      if (signal.aborted) return;
      if (closed.aborted) throw new BusUnavailable('stay connected');
      const [first] = changes;
      if (first === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      await carrier.hold({ kind: 'feed', subject: first.key });
      const heard = changes;
      changes = [];
      if (!signal.aborted && !closed.aborted) yield heard;
    }
  } finally {
    stop();
    signal.removeEventListener('abort', wakeUp);
    closed.removeEventListener('abort', wakeUp);
  }
}
