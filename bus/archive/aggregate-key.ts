import { hash } from 'node:crypto';

/** Bytes of a key: among a million aggregates one in 280 million strangers has the key of another. */
const KEY_BYTES = 6;

/** A short stand-in for an aggregate, so that the archive's contents can be kept in memory. */
export function keyOf(aggregate: string, id: string): number {
  return hash('sha256', `${aggregate}.${id}`, 'buffer').readUIntBE(0, KEY_BYTES);
}

/** Base64 of the keys, sorted, each once. */
export function joinKeys(keys: readonly number[]): string {
  const sorted = [...new Set(keys)].sort((left, right) => left - right);
  const bytes = Buffer.alloc(sorted.length * KEY_BYTES);
  for (const [index, key] of sorted.entries()) bytes.writeUIntBE(key, index * KEY_BYTES, KEY_BYTES);
  return bytes.toString('base64');
}

/** The keys of a segment, as they were joined: six bytes each. */
export class KeySet {
  readonly #bytes: Buffer;

  constructor(joined: string) {
    this.#bytes = Buffer.from(joined, 'base64');
  }

  get size(): number {
    return this.#bytes.length / KEY_BYTES;
  }

  *[Symbol.iterator](): Generator<number, void> {
    for (let index = 0; index < this.size; index++)
      yield this.#bytes.readUIntBE(index * KEY_BYTES, KEY_BYTES);
  }

  has(key: number): boolean {
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const found = this.#bytes.readUIntBE(middle * KEY_BYTES, KEY_BYTES);
      if (found === key) return true;
      if (found < key) low = middle + 1;
      else high = middle;
    }
    return false;
  }
}
