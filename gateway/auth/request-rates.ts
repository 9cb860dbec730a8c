import type { IncomingHttpHeaders } from 'node:http';
import { LRUCache } from 'lru-cache';
import { RequestFailed } from '../errors.ts';

/** Requests are counted over this time (reference: rate limit). */
export const RATE_WINDOW_MS = 15 * 60_000;
/** What an anonymous request is told; it is not counted. */
const ANONYMOUS_LIMIT = 1_000;

const SLICES = 15;
const SLICE_MS = RATE_WINDOW_MS / SLICES;
const HOLDERS_MAX = 100_000;

/** What a caller may still ask in the window. */
export interface Allowance {
  readonly limit: number;
  readonly remaining: number;
}

export const ANONYMOUS: Allowance = { limit: ANONYMOUS_LIMIT, remaining: ANONYMOUS_LIMIT };

interface Counts {
  /** The newest minute that counts. */
  slice: number;
  readonly counts: number[];
}

/** Requests of the last quarter of an hour, by access key or user; of this gateway alone. */
export class RequestRates {
  readonly #holders = new LRUCache<string, Counts>({ max: HOLDERS_MAX });
  /** By the headers of the request, for its answer. */
  readonly #allowances = new WeakMap<IncomingHttpHeaders, Allowance>();

  /** @throws {RequestFailed} `RATE_LIMITED`, with the time after which one more is let in. */
  admit(
    headers: IncomingHttpHeaders,
    {
      holder,
      limit,
      nowMs,
    }: { readonly holder: string; readonly limit: number; readonly nowMs: number },
  ): void {
    const held = this.#countsOf(holder, nowMs);
    const used = held.counts.reduce((sum, count) => sum + count, 0);
    if (used >= limit) {
      this.#allowances.set(headers, { limit, remaining: 0 });
      const retryAfterMs = untilFree(held, nowMs);
      throw new RequestFailed(
        'RATE_LIMITED',
        `${limit} requests in ${RATE_WINDOW_MS / 60_000} minutes is all that this key may send.`,
        { details: { limit, windowSeconds: RATE_WINDOW_MS / 1000, retryAfterMs }, retryAfterMs },
      );
    }
    held.counts[0] = (held.counts[0] ?? 0) + 1;
    this.#allowances.set(headers, { limit, remaining: limit - used - 1 });
  }

  /** Of a request that has been let in or refused. */
  allowanceOf(headers: IncomingHttpHeaders): Allowance {
    return this.#allowances.get(headers) ?? ANONYMOUS;
  }

  #countsOf(holder: string, nowMs: number): Counts {
    const slice = Math.floor(nowMs / SLICE_MS);
    const held = this.#holders.get(holder);
    if (held === undefined) {
      const fresh = { slice, counts: new Array<number>(SLICES).fill(0) };
      this.#holders.set(holder, fresh);
      return fresh;
    }
    for (; held.slice < slice && slice - held.slice < SLICES; held.slice++) {
      held.counts.unshift(0);
      held.counts.pop();
    }
    if (held.slice < slice) held.counts.fill(0);
    held.slice = Math.max(held.slice, slice);
    return held;
  }
}

/** Until the oldest minute in which something was asked counts no more. */
function untilFree({ slice, counts }: Counts, nowMs: number): number {
  const age = counts.findLastIndex((count) => count > 0);
  return (slice - age + SLICES) * SLICE_MS - nowMs;
}
