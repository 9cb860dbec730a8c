import {
  type GroupPolicy,
  type NodeCommand,
  type OwnerLimits,
  SCHEDULER_ID,
  type SchedulerCommand,
} from '@orrery/bus';
import type { Asking } from './gateway-model.ts';
import type { Random } from './random.ts';

/** What may be told at one moment, and how often; a world without administrators is drawn as well. */
const RATES = [0, 0.05, 0.2, 0.5];

/** Whoever sets rules and takes nodes out of use while all goes on: at random, and never to the end of everything. */
export class Administrators {
  readonly #random: Random;
  readonly #ask: Asking;
  readonly #nodes: readonly string[];
  readonly #rate: number;
  readonly #owners: readonly (readonly ['keypair' | 'user', string])[];

  constructor(parts: {
    readonly random: Random;
    readonly ask: Asking;
    readonly nodes: readonly string[];
    readonly owners: readonly (readonly ['keypair' | 'user', string])[];
  }) {
    this.#random = parts.random;
    this.#ask = parts.ask;
    this.#nodes = parts.nodes;
    this.#owners = parts.owners;
    this.#rate = this.#random.pick(RATES);
  }

  /** Something, or nothing, at one moment. */
  act(): void {
    if (!this.#random.chance(this.#rate)) return;
    switch (
      this.#random.pick(['group', 'group', 'limits', 'cordon', 'drain', 'release'] as const)
    ) {
      case 'group':
        this.#tellScheduler({ type: 'set-group', group: 'default', policy: this.#drawPolicy() });
        return;
      case 'limits': {
        const [scope, key] = this.#random.pick(this.#owners);
        this.#tellScheduler({ type: 'set-limits', scope, key, limits: this.#drawLimits(scope) });
        return;
      }
      case 'cordon':
        this.#tellNode({ type: 'set-schedulable', isSchedulable: false });
        return;
      case 'release':
        this.#tellNode({ type: 'set-schedulable', isSchedulable: true });
        return;
      case 'drain':
        this.#tellNode({
          type: 'drain',
          deadlineMs: this.#random.pick([null, 0, 20_000]),
          mode: this.#random.pick(['terminate', 'reschedule']),
        });
    }
  }

  #tellScheduler(command: SchedulerCommand): void {
    void this.#ask('scheduler', SCHEDULER_ID, command);
  }

  #tellNode(command: NodeCommand): void {
    void this.#ask('node', this.#random.pick(this.#nodes), command);
  }

  #drawPolicy(): Partial<GroupPolicy> {
    const random = this.#random;
    return {
      ordering: random.pick(['fifo', 'lifo', 'drf', 'fair-share']),
      strategy: random.pick(['dispersed', 'concentrated', 'round-robin', 'minimum-occupied']),
      reservation: random.pick(['none', 'first-blocked']),
      pendingTimeoutMs: random.pick([0, 0, 0, 60_000]),
      isActive: random.chance(0.9),
      preemption: {
        isEnabled: random.chance(0.6),
        order: random.pick(['oldest', 'newest', 'fewest-sessions', 'smallest-resources']),
        mode: random.pick(['terminate', 'reschedule']),
        runtimeMinMs: random.pick([0, 0, 10_000]),
        victimScope: random.pick(['user', 'project', 'resource-group']),
      },
    };
  }

  #drawLimits(scope: 'keypair' | 'user'): OwnerLimits | null {
    const random = this.#random;
    const total = { cpu: random.pick(['2', '4']) };
    const concurrentSessionsMax = random.between(1, 4);
    if (random.chance(0.3)) return null;
    if (scope === 'user') return random.chance(0.5) ? { total } : { concurrentSessionsMax };
    return random.pick<OwnerLimits>([
      { total },
      { concurrentSessionsMax },
      { pendingSessionsMax: 2 },
      { sessionLifetimeMaxMs: 30_000 },
      { containersPerSessionMax: 2, priorityMax: 50 },
    ]);
  }
}
