import { randomBytes } from 'node:crypto';
import type { Clock, StreamRequest } from '@orrery/bus';
import { RequestFailed } from '../errors.ts';
import type { Visitor } from '../inside/note-use.ts';

/** How long a ticket waits for its one connection. */
export const TICKET_MS = 60_000;
export const TICKETS_MAX = 10_000;
const TICKET_BYTES = 32;

export interface ExecOrder {
  readonly visitor: Visitor;
  readonly node: string;
  readonly request: Extract<StreamRequest, { readonly kind: 'exec' }>;
}

/** Orders that were authorised and wait for their connection. */
export class ExecTickets {
  readonly #clock: Clock;
  readonly #waiting = new Map<
    string,
    { readonly order: ExecOrder; readonly expiresAtMs: number }
  >();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws {RequestFailed} `UNAVAILABLE` when too many wait. */
  issue(order: ExecOrder): { readonly ticket: string; readonly expiresAtMs: number } {
    this.#forgetExpired();
    if (this.#waiting.size >= TICKETS_MAX) {
      throw new RequestFailed('UNAVAILABLE', 'Too many tickets wait to be used. Try again.');
    }
    const ticket = randomBytes(TICKET_BYTES).toString('base64url');
    const expiresAtMs = this.#clock.nowMs() + TICKET_MS;
    this.#waiting.set(ticket, { order, expiresAtMs });
    return { ticket, expiresAtMs };
  }

  /** Gives the order once. @throws {RequestFailed} `TICKET_INVALID` */
  take(ticket: string): ExecOrder {
    this.#forgetExpired();
    const found = this.#waiting.get(ticket);
    this.#waiting.delete(ticket);
    if (found !== undefined) return found.order;
    throw new RequestFailed('TICKET_INVALID', 'The ticket is unknown, was used or has expired.');
  }

  /** The oldest come first, and all live equally long. */
  #forgetExpired(): void {
    for (const [ticket, { expiresAtMs }] of this.#waiting) {
      if (expiresAtMs > this.#clock.nowMs()) return;
      this.#waiting.delete(ticket);
    }
  }
}
