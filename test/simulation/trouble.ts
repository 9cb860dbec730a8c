import type { Clock } from '@orrery/bus';
import type { Faults, Hop } from '../../bus/memory/faults.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

export const FAULTS = [
  'delayed',
  'reordered',
  'doubled',
  'lost',
  'unacknowledged',
  'fenced',
  'host-crashed',
  'host-stopped',
  'agent-crashed',
  'agent-cut-off',
  'node-lost',
  'disk-slow',
  // What administrators and the scheduler do to those who run and wait.
  'group-changed',
  'limits-changed',
  'priority-changed',
  'node-cordoned',
  'node-drained',
  'node-resized',
  'session-preempted',
  'session-evicted',
  'session-expired',
  'session-given-up',
] as const;
export type Fault = (typeof FAULTS)[number];
export type FaultCounts = Record<Fault, number>;

export function noFaults(): FaultCounts {
  const counts = FAULTS.map((fault) => [fault, 0] as const);
  // Every fault is in the list.
  return Object.fromEntries(counts) as FaultCounts;
}

const DELAY_MS_MAX = 300;
const APPEND_MS_MAX = 20;
const SLOW_DISK_MS_MAX = 4000;

/** What a commit says that happened, of what is counted. */
export function faultOf(event: {
  readonly type: string;
  readonly reason?: string;
}): Fault | undefined {
  if (event.type === 'session-preempted')
    return event.reason === 'preempted' ? 'session-preempted' : 'session-evicted';
  return BY_EVENT.get(event.type);
}

const BY_EVENT = new Map<string, Fault>([
  ['group-policy-set', 'group-changed'],
  ['limits-set', 'limits-changed'],
  ['priority-changed', 'priority-changed'],
  ['node-schedulable-set', 'node-cordoned'],
  ['node-drain-due', 'node-drained'],
  ['node-facts-changed', 'node-resized'],
  ['session-expired', 'session-expired'],
  ['session-given-up', 'session-given-up'],
]);

/** What goes wrong with messages, as long as there is trouble, and how often each kind of fault was met. */
export class Trouble implements Faults {
  readonly counts: FaultCounts = noFaults();
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #world: Pick<World, 'rates' | 'copyDelayMsMax'>;
  #isOver = false;
  #diskSlowUntilMs = 0;
  #latest = { subject: '', arrivesAtMs: 0 };

  constructor(parts: { readonly random: Random; readonly clock: Clock; readonly world: World }) {
    this.#random = parts.random;
    this.#clock = parts.clock;
    this.#world = parts.world;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  end(): void {
    this.#isOver = true;
  }

  met(fault: Fault): void {
    this.counts[fault] += 1;
  }

  slowDisk(forMs: number): void {
    this.met('disk-slow');
    this.#diskSlowUntilMs = this.#clock.nowMs() + forMs;
  }

  deliveries({ kind, subject }: Hop): readonly number[] {
    if (this.#isOver) return [0];
    const isLossy = kind !== 'feed';
    if (isLossy && this.#random.chance(this.#world.rates.lostMessage)) {
      this.met('lost');
      return [];
    }
    const delayMs = this.#delayMs(kind);
    if (delayMs > 0) this.met('delayed');
    this.#noteOrder(subject, this.#clock.nowMs() + delayMs);
    // Asked is at most once; whoever gives a command again says so.
    const isDoubled = kind !== 'append' && kind !== 'feed' && kind !== 'ask';
    if (!isDoubled || !this.#random.chance(this.#world.rates.doubledMessage)) return [delayMs];
    this.met('doubled');
    return [delayMs, this.#random.between(0, this.#world.copyDelayMsMax)];
  }

  isAcknowledgementLost(): boolean {
    if (this.#isOver || !this.#random.chance(this.#world.rates.lostAcknowledgement)) return false;
    this.met('unacknowledged');
    return true;
  }

  #delayMs(kind: Hop['kind']): number {
    const isStored = kind === 'append' || kind === 'command' || kind === 'wish';
    if (isStored && this.#clock.nowMs() < this.#diskSlowUntilMs)
      return this.#random.between(0, SLOW_DISK_MS_MAX);
    return this.#random.between(0, kind === 'append' ? APPEND_MS_MAX : DELAY_MS_MAX);
  }

  #noteOrder(subject: string, arrivesAtMs: number): void {
    if (arrivesAtMs < this.#latest.arrivesAtMs && subject !== this.#latest.subject)
      this.met('reordered');
    if (arrivesAtMs >= this.#latest.arrivesAtMs) this.#latest = { subject, arrivesAtMs };
  }
}
