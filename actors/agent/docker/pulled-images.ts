import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

const Entry = z.object({ usedAtMs: z.number() });
const Entries = z.record(z.string(), Entry);

/** A use is written down again when it is so much later than the one that is there. */
const WRITTEN_EVERY_MS = 60_000;

/**
 * The images that this agent pulled and when they were used last, across its restarts. Whatever else is in
 * the engine was brought there by others, and is theirs to remove.
 */
export class PulledImages {
  readonly #path: string | undefined;
  readonly #entries: Map<string, { usedAtMs: number }>;

  constructor(path: string | undefined) {
    this.#path = path;
    this.#entries = new Map(Object.entries(read(path)));
  }

  entries(): ReadonlyMap<string, { readonly usedAtMs: number }> {
    return this.#entries;
  }

  pulled(reference: string, nowMs: number): void {
    this.#entries.set(reference, { usedAtMs: nowMs });
    this.#write();
  }

  used(reference: string, nowMs: number): void {
    const entry = this.#entries.get(reference);
    if (entry === undefined || nowMs - entry.usedAtMs < WRITTEN_EVERY_MS) return;
    entry.usedAtMs = nowMs;
    this.#write();
  }

  forget(reference: string): void {
    if (this.#entries.delete(reference)) this.#write();
  }

  #write(): void {
    if (this.#path === undefined) return;
    const text = JSON.stringify(Object.fromEntries(this.#entries));
    writeFileSync(`${this.#path}.new`, text, { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
  }
}

function read(path: string | undefined): z.infer<typeof Entries> {
  if (path === undefined || !existsSync(path)) return {};
  try {
    return Entries.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // What is not known to be ours is not removed; that costs room and nothing else.
    return {};
  }
}
