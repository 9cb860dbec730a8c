import Docker from 'dockerode';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startDockerSystem } from '../../environment/docker-system.ts';
import { SecondAgent } from '../../environment/second-agent.ts';
import { ClusterUnderTest, soon } from './cluster-under-test.ts';

const { system, socketPath, image } = await startDockerSystem();
const second = new SecondAgent(system, { node: 'second', dockerSocket: socketPath });
await second.start();
const engines = [new Docker({ socketPath })];
const cluster = new ClusterUnderTest({ system, engines, image });
await soon(async () => (await system.client.machines.usage({ first: 9 })).edges.length === 2);

const networks = suite('cluster networks: two agents with one engine');

networks(
  'four kernels of two agents find and hear each other over one bridge, gone after them',
  async () => {
    const session = await cluster.running({ size: 4, mode: 'MULTI_NODE' });
    const kernels = await cluster.kernels(session);
    const agents = await Promise.all(
      kernels.map(
        async ({ container }) => (await container.inspect()).Config.Labels['orrery.node'],
      ),
    );
    assert.equal([...new Set(agents)].sort(), ['local', 'second']);
    assert.equal(await cluster.networksOf(session), ['bridge']);
    await cluster.talk(kernels);
    await cluster.end(session);
  },
);

networks.after(async () => {
  await second.end('SIGTERM');
  await system[Symbol.asyncDispose]();
});
networks.run();
