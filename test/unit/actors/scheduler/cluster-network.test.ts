import type { EngineFacts } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { networkOf } from '../../../../actors/scheduler/cluster-network.ts';
import { SchedulerNode } from '../../../../actors/scheduler/scheduler-node.ts';

const swarmOf = (member: string, managers: readonly string[] = ['m']): EngineFacts => ({
  id: `engine-${member}`,
  swarm: { member, managers: [...managers] },
});

function choose(
  engines: Readonly<Record<string, EngineFacts | undefined>>,
  { kernelsOn, hosts = false }: { readonly kernelsOn: readonly string[]; readonly hosts?: boolean },
) {
  const nodes = Object.entries(engines).map(([node, engine]) => {
    const capacity = {
      ...{ node, resourceGroup: 'default', architecture: 'x86_64', slots: {}, isSchedulable: true },
      ...(engine === undefined ? {} : { engine }),
    };
    return [node, new SchedulerNode(capacity, [])] as const;
  });
  const policies = new Map(hosts ? [['default', { usesHostNetwork: true } as never]] : []);
  const placements = kernelsOn.map((node, at) => ({
    ...{ kernel: `k${at}`, node, slots: {}, request: [] as never },
  }));
  return networkOf({ placements, group: 'default' }, { nodes: new Map(nodes), policies });
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

network.run();
