import type { EngineFacts } from '@orrery/bus';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findNetworks, networkOf } from '../../../../actors/scheduler/cluster-network.ts';
import { SchedulerNode } from '../../../../actors/scheduler/scheduler-node.ts';

const swarmOf = (member: string, managers: readonly string[] = ['m']): EngineFacts => ({
  id: `engine-${member}`,
  swarm: { member, managers: [...managers] },
});

function stateOf(engines: Readonly<Record<string, EngineFacts | undefined>>, hosts: boolean) {
  const nodes = Object.entries(engines).map(([node, engine]) => {
    const capacity = {
      ...{ node, resourceGroup: 'default', architecture: 'x86_64', slots: {}, isSchedulable: true },
      ...(engine === undefined ? {} : { engine }),
    };
    return [node, new SchedulerNode(capacity, [])] as const;
  });
  const policies = new Map(hosts ? [['default', { usesHostNetwork: true } as never]] : []);
  return { nodes: new Map(nodes), policies };
}

function choose(
  engines: Readonly<Record<string, EngineFacts | undefined>>,
  { kernelsOn, hosts = false }: { readonly kernelsOn: readonly string[]; readonly hosts?: boolean },
) {
  const placements = kernelsOn.map((node, at) => ({
    ...{ kernel: `k${at}`, node, slots: {}, request: [] as never },
  }));
  return networkOf({ placements, group: 'default' }, stateOf(engines, hosts));
}

const network = suite('scheduler: the network of a session');

network('a kernel that is alone, and nodes that know no networks, have none', () => {
  assert.is(choose({ a: swarmOf('m') }, { kernelsOn: ['a'] }), undefined);
  assert.is(choose({ a: undefined, b: undefined }, { kernelsOn: ['a', 'b'] }), undefined);
});

network('kernels of one engine share a bridge, also when two agents share the engine', () => {
  const one = { id: 'engine' };
  const bridge = { driver: 'bridge', node: 'a' };
  assert.equal(choose({ a: one }, { kernelsOn: ['a', 'a'] }), bridge);
  assert.equal(choose({ a: one, b: one }, { kernelsOn: ['a', 'b'] }), bridge);
});

network(
  'over several engines a manager of their swarm makes it, one of theirs before others',
  () => {
    const engines = { a: swarmOf('w1'), b: swarmOf('m'), c: swarmOf('w2') };
    assert.equal(choose(engines, { kernelsOn: ['a', 'b'] }), { driver: 'overlay', node: 'b' });
    assert.equal(choose(engines, { kernelsOn: ['a', 'c'] }), { driver: 'overlay', node: 'b' });
  },
);

network('engines of no swarm, of two, or of one without a manager have nothing in common', () => {
  const why = (engines: Readonly<Record<string, EngineFacts | undefined>>): string => {
    const chosen = choose(engines, { kernelsOn: ['a', 'b'] });
    return chosen?.driver === 'impossible' ? chosen.message : `${chosen?.driver}`;
  };
  assert.match(why({ a: { id: '1' }, b: { id: '2' } }), /a, b .* not in one swarm/);
  assert.match(why({ a: swarmOf('m'), b: swarmOf('n', ['n']) }), /not in one swarm/);
  assert.match(why({ a: swarmOf('w1'), b: swarmOf('w2') }), /no agent is with a manager/);
  assert.match(why({ a: swarmOf('m'), b: undefined }), /knows of no networks/);
});

network('where the group says so it is that of the machines, whose addresses must be known', () => {
  const at = (address: string): EngineFacts => ({ id: address, address });
  const kernelsOn = ['a', 'b'];
  const chosen = choose({ a: at('192.0.2.1'), b: at('192.0.2.2') }, { kernelsOn, hosts: true });
  assert.equal(chosen, { driver: 'host' });
  const unknown = choose({ a: at('192.0.2.1'), b: { id: 'b' } }, { kernelsOn, hosts: true });
  assert.is(unknown?.driver, 'impossible');
});

network('an agent is told apart by the networks that it can have with others', () => {
  const found = (engines: Readonly<Record<string, EngineFacts | undefined>>, hosts = false) => {
    const { nodes, policies } = stateOf(engines, hosts);
    const state = { nodes, policies, areNetworksStale: true };
    findNetworks(state);
    return [...nodes.values()].map((node) => node.network ?? '-').join(', ');
  };
  assert.is(found({ a: undefined, b: undefined }), '-, -');
  assert.is(
    found({ a: { id: '1' }, b: { id: '2' }, c: { id: '1' } }),
    'engine 1, engine 2, engine 1',
  );
  const two = { a: swarmOf('m'), b: swarmOf('w'), c: swarmOf('n', ['n']), d: { id: '4' } };
  assert.is(found(two), 'swarm m, swarm m, swarm n, engine 4');
  assert.is(found({ a: swarmOf('w1'), b: swarmOf('w2') }), 'engine engine-w1, engine engine-w2');
  const late = { a: swarmOf('m', ['m']), b: swarmOf('n', ['m', 'n']), c: swarmOf('w', ['m', 'n']) };
  assert.is(found(late), 'swarm m, swarm m, swarm m', 'the manager that most know');
  const hosts = { a: { id: '1', address: '192.0.2.1' }, b: { id: '2' }, c: undefined };
  assert.is(found(hosts, true), 'host, node b, -');
});

network('on agents that are told to have one in common there is one', () => {
  const managers = fc.uniqueArray(fc.constantFrom('m', 'n', 'o'), { minLength: 1 });
  const swarm = fc.record({ member: fc.constantFrom('m', 'n', 'o', 'w', 'x'), managers });
  const engine = fc.record(
    { id: fc.constantFrom('1', '2', '3'), swarm, address: fc.constant('192.0.2.1') },
    { requiredKeys: ['id'] },
  );
  const engines = fc.array(fc.option(engine, { nil: undefined }), { minLength: 2, maxLength: 5 });
  let apart = 0;
  fc.assert(
    fc.property(engines, fc.boolean(), (all, hosts) => {
      const named = Object.fromEntries(all.map((one, at) => [`n${at}`, one]));
      const state = stateOf(named, hosts);
      findNetworks({ ...state, areNetworksStale: true });
      for (const same of Map.groupBy(state.nodes.values(), (node) => node.network ?? '').values()) {
        const kernelsOn = same.map(({ name }) => name);
        if (kernelsOn.length > 1) apart += 1;
        assert.is.not(choose(named, { kernelsOn, hosts })?.driver, 'impossible');
      }
    }),
    { numRuns: 500, seed: 4 },
  );
  assert.ok(apart > 100, `${apart}`);
});

network.run();
