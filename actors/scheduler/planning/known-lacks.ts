import type { GroupPolicy, PendingView } from './model.ts';
import type { Shortage } from './shortage.ts';
import type { WaitingSessions } from './waiting.ts';

/**
 * What wishes lacked since anything was placed: until the next placement the like lack the same and fail no
 * check, so that a queue of thousands behind a full cluster is gone through at the cost of its kinds.
 */
export class KnownLacks {
  readonly #lacks = new Map<object, Shortage>();
  readonly #waiting: WaitingSessions;
  /** Where each that lacks room may be given some, none is passed over. */
  readonly #isUsed: boolean;

  constructor({ reservation, preemption }: GroupPolicy, waiting: WaitingSessions) {
    this.#isUsed = reservation === 'none' && !preemption.isEnabled;
    this.#waiting = waiting;
  }

  of(session: PendingView): Shortage | undefined {
    const { wish } = session;
    if (wish === undefined || this.#lacks.size === 0 || !this.#isAlike(session)) return undefined;
    return this.#lacks.get(wish);
  }

  note(session: PendingView, shortage: Shortage): void {
    const { wish } = session;
    if (wish !== undefined && this.#isUsed && this.#isAlike(session))
      this.#lacks.set(wish, shortage);
  }

  /** Something was placed: there is less room, and owners hold more. */
  forget(): void {
    if (this.#lacks.size > 0) this.#lacks.clear();
  }

  #isAlike(session: PendingView): boolean {
    return (
      session.startsAtMs === undefined &&
      session.dependencies.length === 0 &&
      session.failedOn.length === 0 &&
      session.promised === undefined &&
      !this.#waiting.isLimited(session)
    );
  }
}
