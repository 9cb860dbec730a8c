import {
  derivedId,
  type GroupPolicy,
  type NodeCapacity,
  type OwnerLimits,
  type QueuedSession,
  type SchedulerCommand,
  type SchedulerEvent,
} from '@orrery/bus';
import type { Effect } from '../../../../actors/runtime/aggregate.ts';
import { schedulerAggregate } from '../../../../actors/scheduler/aggregate.ts';
import { decide } from '../../../../actors/scheduler/decide.ts';
import { conclude } from '../../../../actors/scheduler/pass.ts';
import { emptyState, type SchedulerState } from '../../../../actors/scheduler/state.ts';

export function node(
  name: string,
  cpu: number,
  changes: Partial<NodeCapacity> = {},
): SchedulerCommand {
  const slots = { cpu: String(cpu), mem: '1000' };
  const place = { resourceGroup: 'default', architecture: 'x86_64', isSchedulable: true };
  return { type: 'update-node', capacity: { node: name, slots, ...place, ...changes } };
}

interface Asked extends Partial<QueuedSession> {
  readonly cpu?: number;
  /** Kernels, each with so much. */
  readonly size?: number;
  readonly user?: string;
}

export function queue(name: string, asked: Asked = {}): SchedulerCommand {
  const { cpu = 1, size = 1, user = 'ann', ...others } = asked;
  const slots = { cpu: String(cpu), mem: '1' };
  const queued: QueuedSession = {
    session: derivedId(name),
    attempt: 1,
    resourceGroup: 'default',
    clusterMode: 'single-node',
    priority: 10,
    owner: { userId: user, projectId: 'lab', domain: 'default', accessKey: user.toUpperCase() },
    kernels: Array.from({ length: size }, (_, index) => ({
      kernel: derivedId(name, 'kernel', String(index)),
      slots,
    })),
    ...others,
  };
  return { type: 'queue', queued };
}

export const release = (name: string, attempt = 9): SchedulerCommand => ({
  type: 'release',
  session: derivedId(name),
  attempt,
});

export const policy = (changes: Partial<GroupPolicy>, group = 'default'): SchedulerCommand => ({
  type: 'set-group',
  group,
  policy: changes,
});

export const limits = (
  scope: 'keypair' | 'user' | 'project' | 'domain',
  key: string,
  given: OwnerLimits | null,
): SchedulerCommand => ({ type: 'set-limits', scope, key, limits: given });

/** The moment that it had asked to be woken for. */
export const wake: SchedulerCommand = { type: 'pass-deadline', deadline: '' };

/** A scheduler that is told one turn after the other. */
export class SchedulerUnderTest {
  readonly state: SchedulerState = emptyState();
  readonly #names: ReadonlyMap<string, string>;
  nowMs = 1_000;

  /** Sessions of these names are shown by them. */
  constructor(...names: readonly string[]) {
    this.#names = new Map(names.map((name) => [derivedId(name), name]));
  }

  /** One turn and all commits that follow from it, as `name -> node node` and the like. */
  take(...commands: readonly SchedulerCommand[]): readonly string[] {
    return this.events(...commands).flatMap((event) => this.#shown(event));
  }

  /** The same, and what it makes others do: `name: command`. */
  tell(...commands: readonly SchedulerCommand[]): readonly (readonly [string, object])[] {
    const effects: Effect[] = [];
    const events = this.events(...commands.map((command) => ({ ...command, effects })));
    for (const event of events) effects.push(...(schedulerAggregate.effectsOf?.(event) ?? []));
    return effects
      .flatMap((effect) =>
        schedulerAggregate.messages(effect, this.state, { id: 'main', revision: 1 }),
      )
      .flatMap((message) =>
        message.to === 'actor'
          ? [[this.#names.get(message.id) ?? message.id, message.command]]
          : [],
      );
  }

  events(
    ...commands: readonly (SchedulerCommand & { readonly effects?: Effect[] })[]
  ): readonly SchedulerEvent[] {
    const { nowMs, state } = this;
    const events = commands.flatMap(({ effects, ...command }) => {
      const decision = decide(state, command, { nowMs });
      if (!decision.ok) throw new Error(`${decision.error.code}: ${decision.error.message}`);
      effects?.push(...(decision.value.effects ?? []));
      return decision.value.events;
    });
    for (let isMore = true; isMore; ) {
      const conclusion = conclude(state, events, nowMs);
      events.push(...conclusion.events);
      ({ isMore } = conclusion);
    }
    return events;
  }

  #shown(event: SchedulerEvent): readonly string[] {
    const name = 'session' in event ? (this.#names.get(event.session) ?? event.session) : '';
    switch (event.type) {
      case 'session-placed':
        return [`${name} -> ${event.placements.map((place) => place.node).join(' ')}`];
      case 'session-held':
        return [`${name} held ${event.reason.code}`];
      case 'session-given-up':
        return [`${name} ended ${event.reason}`];
      case 'session-preempted':
        return [`${name} preempted ${event.mode}`];
      case 'session-expired':
        return [`${name} expired`];
      case 'room-promised':
        return [`${name} promised ${event.placements.map((place) => place.node).join(' ')}`];
      case 'promise-broken':
        return [`${name} loses its room`];
      default:
        return [];
    }
  }
}
