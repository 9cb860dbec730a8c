import type { Clock } from '@orrery/bus';

/** So many times the usual time at most. */
const FACTOR_MAX = 8;
/** What is lost again within this time was lost because the host is slow, not because it stood still once. */
const AGAIN_MS = 120_000;
/** Nothing lost for so long: leases are shorter again. */
const CALM_MS = 300_000;

/**
 * How long the leases of a host last. One that loses them again and again, having too little of its machine, asks for
 * longer ones: whatever it begins would otherwise be given up before it is done, for ever.
 */
export class LeaseTime {
  readonly #clock: Clock;
  readonly #leaseMs: number;
  #factor = 1;
  #lostAtMs = Number.NEGATIVE_INFINITY;
  #changedAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, leaseMs: number) {
    this.#clock = clock;
    this.#leaseMs = leaseMs;
  }

  get ms(): number {
    return this.#leaseMs * this.#factor;
  }

  /** A lease was not renewed in time; several are lost together, which counts once. True when they last longer now. */
  lost(): boolean {
    const nowMs = this.#clock.nowMs();
    const sinceMs = nowMs - this.#lostAtMs;
    if (sinceMs < this.#leaseMs) return false;
    this.#lostAtMs = nowMs;
    if (sinceMs > AGAIN_MS || this.#factor >= FACTOR_MAX) return false;
    this.#factor *= 2;
    this.#changedAtMs = nowMs;
    return true;
  }

  /** To be called now and then. */
  calmDown(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - Math.max(this.#lostAtMs, this.#changedAtMs) < CALM_MS) return;
    this.#factor = Math.max(1, this.#factor / 2);
    this.#changedAtMs = nowMs;
  }
}
