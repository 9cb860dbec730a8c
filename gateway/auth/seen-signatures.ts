import { RequestFailed } from '../errors.ts';
import { DATE_TOLERANCE_MS } from './signature.ts';

/** Signatures that are remembered at the same time. */
const SIGNATURES_MAX = 200_000;
/** Requests of one second are forgotten together. */
const SLICE_MS = 1_000;

/** A request that is signed, by what is remembered of it. */
export interface Signed {
  /** Hexadecimal. */
  readonly signature: string;
  /** The date it is signed with. Milliseconds since the epoch. */
  readonly atMs: number;
}

/**
 * Signed requests of one gateway, so that none is taken twice. A signature does not cover the body, so a
 * request that was overheard could be sent again with another one. Each is remembered for as long as its date is
 * good. When there are too many, the oldest dates are good no more: what is forgotten cannot come again.
 */
export class SeenSignatures {
  /** By the second of their dates. */
  readonly #slices = new Map<number, Set<string>>();
  readonly #signaturesMax: number;
  #count = 0;
  /** Dates before it are refused. */
  #sinceMs = Number.NEGATIVE_INFINITY;

  constructor(signaturesMax: number = SIGNATURES_MAX) {
    this.#signaturesMax = signaturesMax;
  }

  /** @throws {RequestFailed} `SIGNATURE_REPLAYED`, or `SIGNATURE_EXPIRED` when nobody could tell any more. */
  admit({ signature, atMs }: Signed, nowMs: number): void {
    this.#forget(nowMs - DATE_TOLERANCE_MS);
    const slice = Math.floor(atMs / SLICE_MS);
    if (slice * SLICE_MS < this.#sinceMs)
      throw new RequestFailed(
        'SIGNATURE_EXPIRED',
        'The signed request is too old to tell whether it has come before. Sign it anew.',
        { field: 'Date' },
      );
    const seen = this.#slices.get(slice) ?? new Set<string>();
    if (seen.has(signature))
      throw new RequestFailed(
        'SIGNATURE_REPLAYED',
        'A request with this signature has come before. Sign each request with a date of its own.',
        { field: 'Date' },
      );
    this.#slices.set(slice, seen.add(signature));
    this.#count += 1;
    while (this.#count > this.#signaturesMax) this.#forget((this.#oldest() + 1) * SLICE_MS);
  }

  #oldest(): number {
    return Math.min(...this.#slices.keys());
  }

  #forget(beforeMs: number): void {
    if (beforeMs <= this.#sinceMs) return;
    this.#sinceMs = Math.max(this.#sinceMs, Math.floor(beforeMs / SLICE_MS) * SLICE_MS);
    for (const [slice, seen] of this.#slices) {
      if (slice * SLICE_MS >= this.#sinceMs) continue;
      this.#count -= seen.size;
      this.#slices.delete(slice);
    }
  }
}
