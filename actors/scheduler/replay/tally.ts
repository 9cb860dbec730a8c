import type { QueuedSession } from '@orrery/bus';
import type { AllocatedSession } from '../allocated-session.ts';
import type { SchedulerState } from '../state.ts';

/** What a policy made of a period, in one group. Times in milliseconds, shares 0 to 1. */
export interface Outcome {
  readonly placed: number;
  /** Who waited at the end; counted among the waits with the time until then. */
  readonly waiting: number;
  readonly wait: Waits;
  readonly waitByUser: Readonly<Record<string, Waits>>;
  /** By kernels of a session: `1`, `2-4`, `5-16`, `17+`. */
  readonly waitBySize: Readonly<Record<string, Waits>>;
  /** Of each slot, the share of all that the nodes had that was given away. */
  readonly utilisation: Readonly<Record<string, number>>;
  /** Jain's index over what each user got of the dominant slot: 1 is even. */
  readonly fairness: number;
  readonly preemptions: number;
  readonly spanMs: number;
  /** Sessions of which it had to be guessed how long they run: they never ended by themselves. */
  readonly assumedRuns: number;
}

export interface Waits {
  readonly count: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

interface Wait {
  readonly user: string;
  readonly kernels: number;
  readonly sinceMs: number;
}

/** Counts along a replay. */
export class Tally {
  readonly #group: string;
  readonly #fromMs: number;
  #nowMs: number;
  readonly #waiting = new Map<string, Wait>();
  readonly #waits: (Wait & { readonly waitedMs: number })[] = [];
  readonly #held = new Map<
    string,
    { readonly user: string; readonly amounts: readonly number[] }
  >();
  /** Held now, and amount times time, of all and of each user; and of what there is. */
  readonly #all = createMeter();
  readonly #users = new Map<string, Meter>();
  readonly #capacity = createMeter();
  #placed = 0;
  #preemptions = 0;

  constructor(state: SchedulerState, group: string, fromMs: number) {
    this.#group = group;
    this.#fromMs = fromMs;
    this.#nowMs = fromMs;
    this.count(state);
    for (const { session, group: where, owner, kernels, queuedAtMs } of state.queue.values())
      if (where === group)
        this.#waiting.set(session, {
          user: owner.userId,
          kernels: kernels.length,
          sinceMs: queuedAtMs,
        });
    for (const allocation of state.allocations.values()) this.#hold(allocation);
  }

  moveTo(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  queued(
    { session, resourceGroup, owner, kernels, startsAtMs = 0 }: QueuedSession,
    atMs: number,
  ): void {
    if (resourceGroup !== this.#group) return;
    const sinceMs = Math.max(atMs, startsAtMs);
    this.#waiting.set(session, { user: owner.userId, kernels: kernels.length, sinceMs });
  }

  /** It will not be placed any more. */
  left(session: string): void {
    this.#waiting.delete(session);
  }

  placed(allocation: AllocatedSession, atMs: number): void {
    if (allocation.group !== this.#group) return;
    this.#placed += 1;
    const wait = this.#waiting.get(allocation.session);
    if (wait !== undefined)
      this.#waits.push({ ...wait, waitedMs: Math.max(0, atMs - wait.sinceMs) });
    this.#waiting.delete(allocation.session);
    this.#hold(allocation);
  }

  preempted(): void {
    this.#preemptions += 1;
  }

  released(session: string): void {
    const held = this.#held.get(session);
    if (held === undefined) return;
    this.#held.delete(session);
    const less = held.amounts.map((amount) => -amount);
    this.#all.change(less, this.#nowMs);
    this.#users.get(held.user)?.change(less, this.#nowMs);
  }

  /** What the nodes have now. */
  count({ groups, book }: SchedulerState): void {
    const total = book.names.map(() => 0);
    for (const node of groups.get(this.#group)?.nodes.values() ?? [])
      for (let slot = 0; slot < total.length; slot += 1)
        total[slot] = (total[slot] ?? 0) + (node.total[slot] ?? 0);
    this.#capacity.set(total, this.#nowMs);
  }

  #hold({ session, group, owner: { userId }, wish }: AllocatedSession): void {
    if (group !== this.#group) return;
    const amounts: number[] = [];
    for (const request of wish.requests)
      for (let slot = 0; slot < request.length; slot += 1)
        amounts[slot] = (amounts[slot] ?? 0) + (request[slot] ?? 0);
    this.#held.set(session, { user: userId, amounts });
    this.#all.change(amounts, this.#nowMs);
    const known = this.#users.get(userId);
    const user = known ?? createMeter();
    if (known === undefined) this.#users.set(userId, user);
    user.change(amounts, this.#nowMs);
  }

  outcome({ book }: SchedulerState, assumedRuns: number): Outcome {
    const nowMs = this.#nowMs;
    const capacity = this.#capacity.until(nowMs);
    const busy = this.#all.until(nowMs);
    const left = [...this.#waiting.values()];
    const waits = [
      ...this.#waits,
      ...left.map((wait) => ({ ...wait, waitedMs: Math.max(0, nowMs - wait.sinceMs) })),
    ];
    const dominant = (amounts: readonly number[]): number =>
      amounts.reduce((most, amount, slot) => {
        const all = capacity[slot] ?? 0;
        return all > 0 ? Math.max(most, amount / all) : most;
      }, 0);
    return {
      placed: this.#placed,
      waiting: left.length,
      wait: waitsOf(waits),
      waitByUser: grouped(waits, ({ user }) => user),
      waitBySize: grouped(waits, ({ kernels }) => sizeOf(kernels)),
      utilisation: Object.fromEntries(
        book.names.flatMap((name, slot) => {
          const all = capacity[slot] ?? 0;
          return all > 0 ? [[name, (busy[slot] ?? 0) / all]] : [];
        }),
      ),
      fairness: jain([...this.#users.values()].map((meter) => dominant(meter.until(nowMs)))),
      preemptions: this.#preemptions,
      spanMs: nowMs - this.#fromMs,
      assumedRuns,
    };
  }
}

/** Amounts over time. */
interface Meter {
  change(by: readonly number[], atMs: number): void;
  set(to: readonly number[], atMs: number): void;
  /** Amount times milliseconds. */
  until(atMs: number): readonly number[];
}

function createMeter(): Meter {
  let now: readonly number[] = [];
  let sinceMs = 0;
  let sums: readonly number[] = [];
  const until = (atMs: number): readonly number[] =>
    now.map((amount, slot) => (sums[slot] ?? 0) + amount * (atMs - sinceMs));
  const set = (to: readonly number[], atMs: number): void => {
    const length = Math.max(to.length, now.length);
    const counted = until(atMs);
    sums = Array.from({ length }, (_, slot) => counted[slot] ?? 0);
    now = Array.from({ length }, (_, slot) => to[slot] ?? 0);
    sinceMs = atMs;
  };
  return {
    set,
    until,
    change: (by, atMs) =>
      set(
        Array.from(
          { length: Math.max(by.length, now.length) },
          (_, slot) => (now[slot] ?? 0) + (by[slot] ?? 0),
        ),
        atMs,
      ),
  };
}

function waitsOf(waits: readonly { readonly waitedMs: number }[]): Waits {
  const sorted = waits.map(({ waitedMs }) => waitedMs).sort((left, right) => left - right);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { count: sorted.length, p50Ms: at(0.5), p95Ms: at(0.95) };
}

function grouped<One extends { readonly waitedMs: number }>(
  waits: readonly One[],
  keyOf: (wait: One) => string,
): Readonly<Record<string, Waits>> {
  return Object.fromEntries(
    [...Map.groupBy(waits, keyOf)]
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, some]) => [key, waitsOf(some)]),
  );
}

function sizeOf(kernels: number): string {
  if (kernels === 1) return '1';
  if (kernels <= 4) return '2-4';
  return kernels <= 16 ? '5-16' : '17+';
}

/** (sum of x)^2 / (n * sum of x^2); 1 when there is nobody. */
export function jain(shares: readonly number[]): number {
  const total = shares.reduce((sum, share) => sum + share, 0);
  const squares = shares.reduce((sum, share) => sum + share * share, 0);
  return squares === 0 ? 1 : (total * total) / (shares.length * squares);
}
