import { totalOf } from './checks.ts';
import type { KeypairLimits, PendingView, Situation } from './model.ts';
import { plus, type Vector, zero } from './vector.ts';

/**
 * What waits of each key pair whose waiting is limited, in order of arrival. A session counts those that came
 * before it and itself: the first few may run, and each that leaves the queue lets the next one in.
 */
export class WaitingSessions {
  readonly #queues = new Map<string, Map<string, PendingView>>();
  readonly #slotCount: number;

  constructor({ pending, limits, slots }: Situation) {
    this.#slotCount = slots.length;
    if (limits.keypairs.size === 0) return;
    for (const session of pending) {
      const { accessKey } = session.owner;
      const limit = limits.keypairs.get(accessKey);
      if (limit === undefined || session.sessionType === 'system' || !isLimited(limit)) continue;
      const queue = this.#queues.get(accessKey) ?? new Map<string, PendingView>();
      this.#queues.set(accessKey, queue.set(session.session, session));
    }
  }

  /** Whether it matters to the session who else of its key pair waits. */
  isLimited({ owner }: PendingView): boolean {
    return this.#queues.has(owner.accessKey);
  }

  /** Whether it is one of the first `most` that wait. */
  isAmong({ session, owner }: PendingView, most: number): boolean {
    const queue = this.#queues.get(owner.accessKey);
    if (queue === undefined || queue.size <= most) return true;
    let left = most;
    for (const id of queue.keys()) {
      if (left <= 0) return false;
      if (id === session) return true;
      left -= 1;
    }
    return true;
  }

  /** Whether it and those before it ask for no more than that together. */
  isWithin({ session, owner }: PendingView, most: Vector): boolean {
    if (!isBounded(most)) return true;
    let total: Vector = zero(this.#slotCount);
    for (const one of this.#queues.get(owner.accessKey)?.values() ?? []) {
      total = plus(total, totalOf(one));
      if (total.some((amount, slot) => amount > (most[slot] ?? Infinity))) return false;
      if (one.session === session) return true;
    }
    return true;
  }

  /** It was placed or has ended. */
  leave({ session, owner }: PendingView): void {
    this.#queues.get(owner.accessKey)?.delete(session);
  }
}

function isLimited({ pendingSessionsMax, pendingTotalMax }: KeypairLimits): boolean {
  return pendingSessionsMax !== undefined || isBounded(pendingTotalMax ?? []);
}

function isBounded(limit: Vector): boolean {
  return limit.some((amount) => amount !== Infinity);
}
