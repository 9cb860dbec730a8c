import {
  type Bus,
  derivedId,
  type NodeCapacity,
  newId,
  type Placement,
  SCHEDULER_ID,
  type SchedulerCommand,
  type SchedulerEvent,
  type SessionEvent,
  type SessionRequest,
  systemClock,
} from '@orrery/bus';
import type { Random } from '../../simulation/random.ts';

const ANSWER_MS_MAX = 120_000;
const AT_ONCE = 50;
const IMAGE = 'hub/image:1';

/** Sessions of several kernels in a resource group of their own, with as many cores as they need together. */
export class GangLoad {
  readonly #bus: Bus;
  readonly #group: string;
  readonly #nodes: number;
  /** Kernels of each session. */
  readonly gangs: ReadonlyMap<string, readonly string[]>;

  constructor(
    bus: Bus,
    {
      group,
      gangs,
      nodes,
      random,
    }: GangSizes & { readonly group: string; readonly random: Random },
  ) {
    this.#bus = bus;
    this.#group = group;
    this.#nodes = nodes;
    this.gangs = new Map(
      Array.from({ length: gangs }, (_, index) => {
        const session = derivedId(group, String(index));
        const kernels = Array.from({ length: random.between(2, 4) }, (__, rank) =>
          derivedId(session, String(rank)),
        );
        return [session, kernels];
      }),
    );
  }

  /** What each node has: one core for each kernel that falls to it, and not one more. */
  capacities(): ReadonlyMap<string, number> {
    const kernels = [...this.gangs.values()].flat().length;
    return new Map(
      Array.from({ length: this.#nodes }, (_, index) => [
        `${this.#group}-${index}`,
        Math.floor(kernels / this.#nodes) + (index < kernels % this.#nodes ? 1 : 0),
      ]),
    );
  }

  /** Nodes that take sessions, in a group that does not: what opens it is one command, and one pass. */
  async furnish(): Promise<void> {
    await this.#allow('interactive');
    await Promise.all(
      [...this.capacities()].map(([node, cores]) => {
        const capacity: NodeCapacity = {
          node,
          resourceGroup: this.#group,
          architecture: 'x86_64',
          isSchedulable: true,
          slots: { cpu: String(cores), mem: String(2 ** 40) },
        };
        return this.#send({ type: 'update-node', capacity });
      }),
    );
  }

  async open(): Promise<void> {
    await this.#allow('batch');
  }

  /** All of them wait in the queue when it resolves. */
  async enqueue(): Promise<void> {
    const left = [...this.gangs];
    const lanes = Array.from({ length: AT_ONCE }, async () => {
      for (let next = left.pop(); next !== undefined; next = left.pop())
        await this.#enqueue(...next);
    });
    await Promise.all(lanes);
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const waiting = new Set(this.gangs.keys());
    for await (const commits of this.#bus.log.follow({
      afterSequence: 0,
      aggregate: 'scheduler',
      signal,
    })) {
      for (const event of commits.flatMap(({ events }) => events as readonly SchedulerEvent[]))
        if (event.type === 'session-queued') waiting.delete(event.queued.session);
      if (waiting.size === 0) return;
    }
    throw new Error(`${waiting.size} gangs never came into the queue`);
  }

  /** What the scheduler's log says of these gangs, in order. */
  async placings(): Promise<readonly Extract<SchedulerEvent, { type: 'session-placed' }>[]> {
    const placings = [];
    for await (const { events } of this.#bus.log.read('scheduler', SCHEDULER_ID))
      for (const event of events as readonly SchedulerEvent[])
        if (event.type === 'session-placed' && this.gangs.has(event.session)) placings.push(event);
    return placings;
  }

  /** Where the session itself says that its kernels lie, each time that it said so. */
  async scheduledTo(session: string): Promise<readonly (readonly Placement[])[]> {
    const times: (readonly Placement[])[] = [];
    for await (const { events } of this.#bus.log.read('session', session))
      for (const event of events as readonly SessionEvent[])
        if (event.type === 'session-scheduled') times.push(event.placements);
    return times;
  }

  async #allow(sessionType: 'interactive' | 'batch'): Promise<void> {
    const policy = { allowedSessionTypes: [sessionType] };
    await this.#send({ type: 'set-group', group: this.#group, policy });
  }

  async #send(command: SchedulerCommand): Promise<void> {
    const sentAtMs = systemClock.nowMs();
    const place = { aggregate: 'scheduler', aggregateId: SCHEDULER_ID } as const;
    const actor = { kind: 'system', id: 'test' } as const;
    await this.#bus.inbox.send({ id: newId(sentAtMs), ...place, actor, sentAtMs, command });
  }

  async #enqueue(session: string, kernels: readonly string[]): Promise<void> {
    const owner = { email: 'a@b.test', projectId: 'default', domain: 'default' };
    const request: SessionRequest = {
      name: `gang-${session}`,
      sessionType: 'batch',
      owner: { userId: derivedId(this.#group), ...owner },
      resourceGroup: this.#group,
      clusterMode: 'multi-node',
      priority: 10,
      environ: {},
      command: ['true'],
      kernels: kernels.map((id, rank) => ({
        id,
        role: rank === 0 ? 'main' : 'sub',
        index: rank === 0 ? 1 : rank,
        localRank: rank,
        hostname: rank === 0 ? 'main1' : `sub${rank}`,
        image: IMAGE,
        slots: { cpu: '1', mem: '1048576' },
      })),
    };
    const sentAtMs = systemClock.nowMs();
    const place = { aggregate: 'session', aggregateId: session } as const;
    const actor = { kind: 'user', id: derivedId(this.#group) } as const;
    const command = { type: 'enqueue', request } as const;
    const envelope = { id: newId(sentAtMs), ...place, actor, sentAtMs, command };
    const outcome = await this.#bus.inbox.request(envelope, AbortSignal.timeout(ANSWER_MS_MAX));
    if (!outcome.ok) throw new Error(outcome.error.message);
  }
}

export interface GangSizes {
  readonly gangs: number;
  readonly nodes: number;
}
