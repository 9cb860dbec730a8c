import { totalOf } from './checks.ts';
import {
  idOf,
  OWNER_KINDS,
  type OwnerKind,
  type PendingLimits,
  type PendingView,
  type Situation,
} from './model.ts';
import { plus, type Vector, zero } from './vector.ts';

/** Those of one owner who wait, in order of arrival. */
type Queue = Map<string, PendingView>;

/**
 * What waits of each owner whose waiting is limited, in order of arrival. A session counts those that came
 * before it and itself: the first few may run, and each that leaves the queue lets the next one in.
 */
export class WaitingSessions {
  readonly #queues = new Map<string, Queue>();
  readonly #slotCount: number;
  /** Those of whom anybody's waiting is limited. */
  readonly #kinds: readonly OwnerKind[];

  constructor({ pending, limits, slots }: Situation) {
    this.#slotCount = slots.length;
    this.#kinds = OWNER_KINDS.filter((kind) =>
      [...(limits.pending?.[kind].values() ?? [])].some(isLimited),
    );
    if (this.#kinds.length === 0) return;
    for (const session of pending) {
      if (session.sessionType === 'system') continue;
      for (const kind of this.#kinds) {
        const id = idOf(session.owner, kind);
        const limit = limits.pending?.[kind].get(id);
        if (limit === undefined || !isLimited(limit)) continue;
        const key = `${kind}:${id}`;
        const queue: Queue = this.#queues.get(key) ?? new Map();
        this.#queues.set(key, queue.set(session.session, session));
      }
    }
  }

  /** Whether it matters to the session who else of its owners waits. */
  isLimited({ owner }: PendingView): boolean {
    return this.#kinds.some((kind) => this.#queues.has(`${kind}:${idOf(owner, kind)}`));
  }

  /** Whether it is one of the first `most` of its owner that wait. */
  isAmong({ session, owner }: PendingView, kind: OwnerKind, most: number): boolean {
    const queue = this.#queues.get(`${kind}:${idOf(owner, kind)}`);
    if (queue === undefined || queue.size <= most) return true;
    let left = most;
    for (const id of queue.keys()) {
      if (left <= 0) return false;
      if (id === session) return true;
      left -= 1;
    }
    return true;
  }

  /** Whether it and those of its owner before it ask for no more than that together. */
  isWithin({ session, owner }: PendingView, kind: OwnerKind, most: Vector): boolean {
    if (!isBounded(most)) return true;
    let total: Vector = zero(this.#slotCount);
    for (const one of this.#queues.get(`${kind}:${idOf(owner, kind)}`)?.values() ?? []) {
      total = plus(total, totalOf(one));
      if (total.some((amount, slot) => amount > (most[slot] ?? Infinity))) return false;
      if (one.session === session) return true;
    }
    return true;
  }

  /** It was placed or has ended. */
  leave({ session, owner }: PendingView): void {
    for (const kind of this.#kinds)
      this.#queues.get(`${kind}:${idOf(owner, kind)}`)?.delete(session);
  }
}

function isLimited({ sessionsMax, totalMax = [] }: PendingLimits): boolean {
  return sessionsMax !== undefined || isBounded(totalMax);
}

function isBounded(limit: Vector): boolean {
  return limit.some((amount) => amount !== Infinity);
}
