import type { UserRow } from '@orrery/projections';
import { RequestFailed } from '../errors.ts';
import type { Identities } from './identities.ts';
import { hashPassword, verifyPassword } from './password.ts';

/** Passwords that are checked at the same time; each costs 19 MiB and 50 ms of a core. */
const CHECKS_AT_ONCE_MAX = 4;
const CHECKS_WAITING_MAX = 64;

/** Checks e-mail addresses and passwords. */
export class PasswordCheck {
  readonly #identities: Identities;
  /** Checked for an unknown address, so that it costs the same time as a known one. */
  readonly #decoy: Promise<string> = hashPassword(crypto.randomUUID());
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(identities: Identities) {
    this.#identities = identities;
  }

  /**
   * The user, or undefined when the address is unknown, the password wrong or the user not active.
   * @throws {RequestFailed} `TOO_MANY_SIGN_INS` when too many wait already.
   */
  async check(email: string, password: string): Promise<UserRow | undefined> {
    const user = await this.#identities.findUserByEmail(email);
    const phc = user?.passwordHash ?? (await this.#decoy);
    const isRight = await this.#inTurn(() => verifyPassword(password, phc));
    return isRight && user?.isActive === true ? user : undefined;
  }

  async #inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    if (this.#running >= CHECKS_AT_ONCE_MAX) {
      if (this.#waiting.length >= CHECKS_WAITING_MAX) {
        throw new RequestFailed('TOO_MANY_SIGN_INS', 'Too many people sign in at once. Try again.');
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }
}
