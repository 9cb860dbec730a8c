import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Ask, type Told, WaitingWorld } from './waiting-world.ts';

/** A situation and what is to be told of the session `x` in it. */
interface Situation {
  readonly world: () => WaitingWorld;
  readonly code: string;
  readonly message: RegExp;
  readonly missing?: Readonly<Record<string, string>>;
  /** In the group, taking sessions, compatible, large enough. */
  readonly agents: readonly [number, number, number, number];
  readonly place: string;
  /** The first and the last minute of the estimate; absent: none is given. */
  readonly startsIn?: readonly [number, number];
  /** Every one of them is taken, and has to start. */
  readonly suggestions: readonly string[];
}

const GIB = String(2 ** 30);
const world = (): WaitingWorld => new WaitingWorld();
/** One agent of four cores and 16 GiB, of which `ann` holds some for an hour. */
const held = (ask: Ask): WaitingWorld =>
  world()
    .agent('a')
    .session('holds', { minutes: 60, ...ask });

/** Of a swarm of its own, which it manages. */
const engineOf = (member: string) => ({
  engine: { id: member, swarm: { member, managers: [member] } },
});

const situations: Readonly<Record<string, Situation>> = {
  'there is no agent at all': {
    world: () => world().session('x'),
    code: 'no-available-instances',
    message: /^No agents are available for scheduling$/,
    agents: [0, 0, 0, 0],
    place: '1 of 1',
    suggestions: [],
  },
  'it asks for more than any agent has': {
    world: () => world().agent('a').agent('b', { cpu: 6 }).session('x', { cpu: 8 }),
    code: 'never-fits',
    message: /^No agent is large enough .* \(asked for: 8 cpu, 1 GiB mem\)\.$/,
    agents: [2, 2, 2, 0],
    place: '1 of 1',
    suggestions: ['with 6 cpu instead of 8 cpu'],
  },
  'a gang asks for more than all agents have together': {
    world: () => world().agent('a').agent('b').session('x', { cpu: 3, kernels: 4 }),
    code: 'never-fits',
    message: /^All agents together have room for 2 of the 4 kernels/,
    agents: [2, 2, 2, 2],
    place: '1 of 1',
    suggestions: ['with 2 cpu a kernel instead of 3 cpu', 'with 2 kernels instead of 4'],
  },
  'no agent has the architecture of its image': {
    world: () =>
      world()
        .agent('a')
        .session('x', { more: { architecture: 'aarch64' } }),
    code: 'architecture-mismatch',
    message: /architecture \(aarch64\)/,
    agents: [1, 1, 0, 0],
    place: '1 of 1',
    suggestions: [],
  },
  'memory is lacking until a session ends': {
    world: () => held({ gib: 15 }).session('x', { gib: 2 }),
    code: 'no-available-instances',
    message: /\(lacks at least 1 GiB mem\)/,
    missing: { mem: GIB },
    agents: [1, 1, 1, 1],
    place: '1 of 1',
    startsIn: [30, 60],
    suggestions: ['with 1 GiB mem instead of 2 GiB mem'],
  },
  'cores are lacking, and few are free': {
    world: () => held({ cpu: 3 }).session('x', { cpu: 2 }),
    code: 'no-available-instances',
    message: /\(lacks at least 1 cpu\)/,
    missing: { cpu: '1' },
    agents: [1, 1, 1, 1],
    place: '1 of 1',
    startsIn: [30, 60],
    suggestions: ['with 1 cpu instead of 2 cpu'],
  },
  'an agent is full but another group is not': {
    world: () =>
      held({ cpu: 4 }).agent('b', {}, { resourceGroup: 'spare' }).session('x', { cpu: 4 }),
    code: 'no-available-instances',
    message: /lacks at least 4 cpu/,
    missing: { cpu: '4' },
    agents: [1, 1, 1, 1],
    place: '1 of 1',
    startsIn: [30, 60],
    suggestions: ['in the resource group spare'],
  },
  'devices are lacking': {
    world: () =>
      world()
        .agent('a', { gpu: 4, rocm: 0 })
        .agent('b', { rocm: 2 })
        .session('holds', { gpu: 3, minutes: 30 })
        .session('x', { gpu: 2 }),
    code: 'no-available-instances',
    message: /lacks at least 1 cuda\.device/,
    missing: { 'cuda.device': '1' },
    agents: [2, 2, 2, 1],
    place: '1 of 1',
    startsIn: [15, 30],
    suggestions: [
      'with 2 rocm.device instead of 2 cuda.device',
      'with 1 cuda.device instead of 2 cuda.device',
    ],
  },
  'each of its slots is free, but not on one agent': {
    world: () =>
      world()
        .agent('a', { cpu: 5, gib: 17 })
        .agent('b', { cpu: 5, gib: 17 })
        .session('cores', { cpu: 5, minutes: 20, more: { designated: on('a') } })
        .session('memory', { gib: 17, minutes: 20, more: { designated: on('b') } })
        .session('x', { cpu: 4, gib: 8 }),
    code: 'no-available-instances',
    message: /each of its slots is free somewhere, but no agent has them together/,
    agents: [2, 2, 2, 2],
    place: '1 of 1',
    startsIn: [10, 20],
    suggestions: [],
  },
  'a gang finds room for a part of its kernels': {
    world: () =>
      world()
        .agent('a')
        .agent('b')
        .session('holds', { cpu: 3, minutes: 40 })
        .session('x', { cpu: 2, kernels: 3 }),
    code: 'no-available-instances',
    message: /room for 2 of 3 kernels/,
    missing: { cpu: '1' },
    agents: [2, 2, 2, 2],
    place: '1 of 1',
    startsIn: [20, 40],
    suggestions: ['with 1.3 cpu a kernel instead of 2 cpu', 'with 2 kernels instead of 3'],
  },
  'its kernels have to lie on one agent': {
    world: () =>
      world()
        .agent('a')
        .agent('b')
        .session('on a', { cpu: 2, minutes: 40, more: { designated: on('a') } })
        .session('on b', { cpu: 2, minutes: 40, more: { designated: on('b') } })
        .session('x', { cpu: 2, kernels: 2, more: { clusterMode: 'single-node' } }),
    code: 'no-available-instances',
    message: /big enough to host the session \(lacks at least 2 cpu\)/,
    missing: { cpu: '2' },
    agents: [2, 2, 2, 2],
    place: '1 of 1',
    startsIn: [18, 40],
    suggestions: [
      'on up to 2 nodes (multi-node) instead of one',
      'with 1 cpu a kernel instead of 2 cpu',
      'with 1 kernel instead of 2',
    ],
  },
  'all agents have as many containers as they may': {
    world: () =>
      world().agent('a', {}, { containersMax: 1 }).session('holds', { minutes: 20 }).session('x'),
    code: 'agent-full',
    message: /hard limit of the number of containers/,
    agents: [1, 1, 1, 1],
    place: '1 of 1',
    startsIn: [10, 20],
    suggestions: [],
  },
  'the agent that was named for it is full': {
    world: () =>
      held({ cpu: 4 })
        .agent('b')
        .session('x', { more: { designated: on('a') } }),
    code: 'no-available-instances',
    message: /^The designated agent \(a\) does not have the enough remaining capacity/,
    missing: { cpu: '1' },
    agents: [2, 2, 2, 1],
    place: '1 of 1',
    startsIn: [30, 60],
    suggestions: ['on any agent, not only on a'],
  },
  'the agent that was named for it is not there': {
    world: () =>
      world()
        .agent('a')
        .session('x', { more: { designated: on('gone') } }),
    code: 'no-available-instances',
    message: /^The designated agent \(gone\) is not in the resource group/,
    agents: [1, 1, 1, 0],
    place: '1 of 1',
    suggestions: ['on any agent, not only on gone'],
  },
  'the agents that could take it are cordoned': {
    world: () =>
      world()
        .agent('a', { cpu: 8 }, { isSchedulable: false })
        .agent('b', { cpu: 2 })
        .session('x', { cpu: 4 }),
    code: 'no-available-instances',
    message: /1 that are drained, cordoned or lost may\.$/,
    agents: [2, 1, 1, 0],
    place: '1 of 1',
    suggestions: ['with 2 cpu instead of 4 cpu'],
  },
  'the room there is is kept for one that came before': {
    world: () =>
      held({ cpu: 2 })
        .policy({ reservation: 'first-blocked' })
        .session('large', { cpu: 4, user: 'bob', minutes: 30 })
        .session('x', { cpu: 2, minutes: 120 }),
    code: 'kept-for-another',
    message: /kept for the session .*, which comes first/,
    agents: [1, 1, 1, 1],
    place: '2 of 2',
    startsIn: [45, 90],
    suggestions: ['if it ran for at most 60 min'],
  },
  'the agents that have room share no network': {
    world: () =>
      world()
        .agent('a', { cpu: 8 }, engineOf('m'))
        .agent('b', { cpu: 8 }, engineOf('n'))
        .session('one', { cpu: 4, minutes: 60 })
        .session('two', { cpu: 4, minutes: 90 })
        .session('x', { cpu: 4, kernels: 2 }),
    code: 'no-common-network',
    message: /^There is room for 1 of 2 kernels on agents that have a network in common/,
    agents: [2, 2, 2, 2],
    place: '1 of 1',
    startsIn: [30, 90],
    suggestions: ['with 2 cpu a kernel instead of 4 cpu', 'with 1 kernel instead of 2'],
  },
  'the agents that are large enough together never share a network': {
    world: () =>
      world()
        .agent('a', {}, engineOf('m'))
        .agent('b', {}, engineOf('n'))
        .session('x', { cpu: 4, kernels: 2 }),
    code: 'never-fits',
    message: /^Agents that have a network in common .* have room for 1 of the 2 kernels/,
    agents: [2, 2, 2, 2],
    place: '1 of 1',
    suggestions: ['with 2 cpu a kernel instead of 4 cpu', 'with 1 kernel instead of 2'],
  },
  'its placement group may not lie on the agents that have room': {
    world: () =>
      world()
        .agent('a')
        .session('holds', { minutes: 20, more: { placementGroup: apart } })
        .session('x', { more: { placementGroup: apart } }),
    code: 'placement-group',
    message: /not where the placement group replicas allows it \(spread\)/,
    agents: [1, 1, 1, 1],
    place: '1 of 1',
    startsIn: [10, 20],
    suggestions: [],
  },
};

function on(node: string) {
  return { nodes: [node], policy: 'strict' as const };
}

const apart = {
  name: 'replicas',
  direction: 'spread' as const,
  enforcement: 'strict' as const,
};

const room = suite('scheduler: why a session waits for room');

function check(told: Told, expected: Situation): void {
  const { reason, forecast, startsInMinutes } = told;
  assert.is(reason.code, expected.code);
  assert.match(reason.message, expected.message);
  assert.equal(reason.missing, expected.missing);
  const { inGroup = 0, schedulable = 0, compatible = 0, largeEnough = 0 } = reason.agents ?? {};
  assert.equal([inGroup, schedulable, compatible, largeEnough], [...expected.agents]);
  assert.is(`${reason.place} of ${forecast.waiting}`, expected.place);
  assert.equal(told.suggestions, expected.suggestions);
  if (expected.startsIn === undefined) {
    assert.is(startsInMinutes, undefined);
    assert.ok(forecast.unknown);
    return;
  }
  const [first, last] = expected.startsIn;
  const minutes = startsInMinutes ?? Number.NaN;
  assert.ok(minutes >= first && minutes <= last, `it starts in ${startsInMinutes} min`);
}

for (const [name, situation] of Object.entries(situations)) {
  room(`${name}: it is told so, and what is suggested starts when it is taken`, () => {
    const told = situation.world().why('x');
    check(told, situation);
    for (const suggestion of told.forecast.suggestions)
      assert.ok(situation.world().doesStart('x', suggestion), suggestion.message);
  });
}

room.run();
