import type { Clock } from '@orrery/bus';
import { LRUCache } from 'lru-cache';
import { RequestFailed } from '../errors.ts';

/** Of each, the oldest are forgotten first. */
const WATCHED_MAX = 100_000;
/** From one address people with different names may sign in wrongly: a house has one address. */
const ADDRESS_FACTOR = 10;

export interface SignInLimits {
  /** Wrong passwords in a row for one e-mail address before it is blocked. */
  readonly failuresMax: number;
  /** For how long. Milliseconds. */
  readonly blockMs: number;
}

/** The reference's web server's. */
export const SIGN_IN_LIMITS: SignInLimits = { failuresMax: 10, blockMs: 1_200_000 };

interface Failures {
  count: number;
  lastAtMs: number;
}

/** Who tries to sign in: by what name, and from where. */
export interface Attempt {
  readonly email: string;
  readonly address: string;
}

/**
 * Slows down whoever guesses passwords: an e-mail address, existing or not, is blocked after some wrong ones, and a network
 * address after ten times as many. Known to this gateway alone, and forgotten when it restarts.
 */
export class SignInGuard {
  readonly #clock: Clock;
  readonly #limits: SignInLimits;
  readonly #emails = new LRUCache<string, Failures>({ max: WATCHED_MAX });
  readonly #addresses = new LRUCache<string, Failures>({ max: WATCHED_MAX });

  constructor(clock: Clock, limits: SignInLimits = SIGN_IN_LIMITS) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /**
   * Lets somebody try, and counts it as wrong until it is right: many may be tried at once.
   * @throws {RequestFailed} `SIGN_IN_BLOCKED`, with the time after which they are let in again.
   */
  async watch<User>(
    { email, address }: Attempt,
    check: () => Promise<User | undefined>,
  ): Promise<User | undefined> {
    const { failuresMax } = this.#limits;
    const name = email.trim().toLowerCase();
    this.#assertFree(this.#emails.get(name), failuresMax);
    this.#assertFree(this.#addresses.get(address), failuresMax * ADDRESS_FACTOR);
    count(this.#emails, name, this.#begun());
    count(this.#addresses, address, this.#begun());
    const withdraw = (): void => {
      for (const failures of [this.#emails.get(name), this.#addresses.get(address)])
        if (failures !== undefined) failures.count -= 1;
    };
    let user: User | undefined;
    try {
      user = await check();
    } catch (error) {
      withdraw();
      throw error;
    }
    if (user === undefined) return undefined;
    withdraw();
    // What was wrong before counts no more for the name; it still does for where it came from.
    this.#emails.delete(name);
    return user;
  }

  #assertFree(failures: Failures | undefined, failuresMax: number): void {
    if (failures === undefined || failures.count < failuresMax) return;
    const retryAfterMs = failures.lastAtMs + this.#limits.blockMs - this.#clock.nowMs();
    if (retryAfterMs <= 0) return;
    throw new RequestFailed(
      'SIGN_IN_BLOCKED',
      'Too many wrong passwords. Try again later, or ask an administrator.',
      { details: { retryAfterMs }, retryAfterMs },
    );
  }

  #begun(): { readonly nowMs: number; readonly sinceMs: number } {
    const nowMs = this.#clock.nowMs();
    return { nowMs, sinceMs: nowMs - this.#limits.blockMs };
  }
}

function count(
  watched: LRUCache<string, Failures>,
  key: string,
  { nowMs, sinceMs }: { readonly nowMs: number; readonly sinceMs: number },
): void {
  const before = watched.get(key);
  const isOld = before === undefined || before.lastAtMs <= sinceMs;
  if (isOld) watched.set(key, { count: 1, lastAtMs: nowMs });
  else {
    before.count += 1;
    before.lastAtMs = nowMs;
  }
}
