import type { NodeEvent } from '@orrery/bus';
import Docker from 'dockerode';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { testImageIn } from '../../environment/image.ts';
import { SecondAgent } from '../../environment/second-agent.ts';
import { startSwarm } from '../../environment/swarm.ts';
import { startSystem } from '../../environment/system.ts';
import { ClusterUnderTest, HOSTNAMES, soon } from './cluster-under-test.ts';

const swarm = await startSwarm();
const [manager, worker] = swarm.engines;
const image = await testImageIn(manager.socketPath);
await testImageIn(worker.socketPath);
const system = await startSystem(['--driver', 'docker'], {
  DOCKER_HOST: `unix://${manager.socketPath}`,
  ORRERY_AGENT_ADDRESS: manager.address,
});
const engines = swarm.engines.map(({ socketPath }) => new Docker({ socketPath }));
const second = new SecondAgent(system, {
  node: 'second',
  dockerSocket: worker.socketPath,
  address: worker.address,
});
await second.start();
const cluster = new ClusterUnderTest({ system, engines, image });
await soon(async () => (await system.client.machines.usage({ first: 9 })).edges.length === 2);

const networks = suite('cluster networks: kernels on engines of their own');

networks(
  'four kernels on two engines find and hear each other over an overlay, gone after them',
  async () => {
    const session = await cluster.running({ size: 4, mode: 'MULTI_NODE' });
    const kernels = await cluster.kernels(session);
    assert.equal(kernels.map(({ hostname }) => hostname).sort(), [...HOSTNAMES].sort());
    assert.equal([...new Set(kernels.map(({ engine }) => engine))].sort(), [0, 1]);
    assert.equal(await cluster.networksOf(session), ['overlay']);
    await cluster.talk(kernels);
    await cluster.checkEnviron(kernels, session);
    await cluster.end(session);
    assert.equal(await cluster.networksOf(session), []);
  },
);

networks('kernels of one node share a bridge of their own, gone after them', async () => {
  const session = await cluster.running({ size: 4, mode: 'SINGLE_NODE' });
  const kernels = await cluster.kernels(session);
  assert.is(new Set(kernels.map(({ engine }) => engine)).size, 1);
  assert.equal(await cluster.networksOf(session), ['bridge']);
  await cluster.talk(kernels);
  await cluster.end(session);
  assert.equal(await cluster.networksOf(session), []);
});

networks(
  'in the network of the machines the names lead to the machines, and nothing is made',
  async () => {
    const { administration } = system.client;
    await administration.setResourceGroup({ name: 'default', usesHostNetwork: true });
    try {
      const session = await cluster.running({ size: 4, mode: 'MULTI_NODE' });
      const kernels = await cluster.kernels(session);
      assert.equal([...new Set(kernels.map(({ engine }) => engine))].sort(), [0, 1]);
      assert.equal(await cluster.networksOf(session), []);
      await cluster.talk(kernels);
      await cluster.end(session);
    } finally {
      await administration.setResourceGroup({ name: 'default', usesHostNetwork: false });
    }
  },
);

networks(
  'agents and control killed on the way leave a session that runs, and no network after it',
  async () => {
    for (const victim of ['agent', 'control'] as const) {
      const session = await cluster.created({ size: 4, mode: 'MULTI_NODE' });
      await cluster.until(session, 'PREPARING');
      kill(victim);
      await cluster.until(session, 'RUNNING');
      await cluster.talk(await cluster.kernels(session));
      await system.client.terminateSession({ id: session, mode: 'FORCE' });
      kill(victim);
      await cluster.until(session, 'TERMINATED');
      await soon(async () => (await cluster.networksOf(session)).length === 0, 60_000);
    }
  },
);

networks('a network that nobody wants is found by an agent that starts, and removed', async () => {
  const session = await cluster.running({ size: 2, mode: 'SINGLE_NODE' });
  const [kernel] = await cluster.kernels(session);
  const docker = engines[kernel?.engine ?? 0];
  const [made] = await cluster.listed(session);
  await cluster.end(session);
  await docker?.createNetwork({ Name: made?.Name ?? '', Labels: made?.Labels ?? {} });
  if (kernel?.engine === 0) kill('agent');
  else {
    await second.end('SIGKILL');
    await second.start();
  }
  await soon(async () => (await cluster.networksOf(session)).length === 0, 60_000);
});

networks('an engine that has left the swarm shares no session with one that is in it', async () => {
  await engines[1]?.swarmLeave({ force: true });
  await second.end('SIGKILL');
  await second.start();
  await soon(async () => {
    for await (const { events } of system.bus.log.read('node', 'second'))
      for (const event of events as readonly NodeEvent[])
        if (event.type === 'node-facts-changed' && event.facts.engine?.swarm === undefined)
          return true;
    return false;
  });
  const session = await cluster.running({ size: 4, mode: 'MULTI_NODE' });
  const kernels = await cluster.kernels(session);
  assert.is(new Set(kernels.map(({ engine }) => engine)).size, 1);
  assert.equal(await cluster.networksOf(session), ['bridge']);
  await cluster.talk(kernels);
  await cluster.end(session);
});

function kill(name: 'agent' | 'control'): void {
  const pid = system.pids()[name];
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
}

networks.after(async () => {
  await second.end('SIGTERM');
  await system[Symbol.asyncDispose]();
  await swarm.stop();
});
networks.run();
