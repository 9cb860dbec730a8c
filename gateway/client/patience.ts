import { randomInt } from 'node:crypto';
import type { Clock } from '@orrery/bus/clock';
import { OrreryError } from '@orrery/bus/errors';
import { GatewayUnreachable } from './errors.ts';

/** How long failures that may pass by themselves are borne. Milliseconds. */
export interface PatienceLimits {
  /** Before the gateway has answered for the first time, when it refuses connections. */
  readonly firstContactMs: number;
  /** Afterwards: the gateway is known to be there and is expected back. */
  readonly outageMs: number;
}

const WAIT_MS_MIN = 50;
const WAIT_MS_MAX = 2_000;

/** Wait before try `attempt` (from 1): doubles up to a limit, and is spread by up to a half. */
export function waitMs(attempt: number, spread = randomInt(1000) / 1000): number {
  const longest = Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** Math.min(attempt - 1, 16));
  return Math.round(longest * (0.5 + spread / 2));
}

export function isPassing(error: unknown): boolean {
  return error instanceof OrreryError && error.isRetryable;
}

/** Starts the count of one outage after another; knows whether the gateway has ever answered. */
export class Patience {
  readonly #clock: Clock;
  readonly #limits: PatienceLimits;
  #hasContact = false;

  constructor(clock: Clock, limits: PatienceLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** One caller's view: an outage lasts from its first failure until its next success. */
  outage(): Outage {
    let sinceMs: number | undefined;
    let attempts = 0;
    return {
      end: () => {
        this.#hasContact = true;
        sinceMs = undefined;
        attempts = 0;
      },
      bear: async (failure, signal) => {
        if (!isPassing(failure)) throw failure;
        const nowMs = this.#clock.nowMs();
        sinceMs ??= nowMs;
        attempts += 1;
        const delayMs = waitMs(attempts);
        if (nowMs - sinceMs + delayMs > this.#limitMs(failure)) throw failure;
        await this.#clock.sleep(delayMs, signal);
      },
    };
  }

  #limitMs(failure: unknown): number {
    const isFirstContact =
      !this.#hasContact && failure instanceof GatewayUnreachable && failure.isRefusedConnection;
    return isFirstContact ? this.#limits.firstContactMs : this.#limits.outageMs;
  }
}

export interface Outage {
  /** The gateway answered. */
  end(): void;
  /**
   * Waits before the next try.
   * @throws the failure, when it will not pass or has been borne for long enough.
   */
  bear(failure: unknown, signal: AbortSignal | undefined): Promise<void>;
}
