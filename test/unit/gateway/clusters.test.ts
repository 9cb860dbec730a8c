import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startGateway } from './gateway-fixture.ts';
import { create } from './session-calls.ts';

const fixture = await startGateway();

const clusters = suite('gateway: sessions of several kernels');

clusters('are shown with their size, mode and kernels by role', async () => {
  const input = { clusterSize: 3, clusterMode: 'MULTI_NODE', cpu: '0.1', sharedMemory: '64m' };
  const { session, rejection } = await create(fixture, input);
  assert.is(rejection, null);
  const query = `query ($id: ID!) { session(id: $id) {
    clusterMode clusterSize requestedSlots kernels { hostname role index localRank }
  } }`;
  const { body } = await fixture.graphql(query, { id: session?.id });
  assert.equal(body.data?.['session'], {
    clusterMode: 'MULTI_NODE',
    clusterSize: 3,
    requestedSlots: { cpu: '0.3', mem: String(3 * 2 ** 30) },
    kernels: [
      { hostname: 'main1', role: 'main', index: 1, localRank: 0 },
      { hostname: 'sub1', role: 'sub', index: 1, localRank: 1 },
      { hostname: 'sub2', role: 'sub', index: 2, localRank: 2 },
    ],
  });
});

clusters('one kernel on one node is what is meant when nothing is said', async () => {
  const { session } = await create(fixture, {});
  const query = 'query ($id: ID!) { session(id: $id) { clusterMode clusterSize } }';
  const { body } = await fixture.graphql(query, { id: session?.id });
  assert.equal(body.data?.['session'], { clusterMode: 'SINGLE_NODE', clusterSize: 1 });
});

clusters('a request that makes no sense is refused with its field', async () => {
  const wrong: readonly (readonly [object, string, string])[] = [
    [{ clusterSize: 0 }, 'cluster-size-invalid', 'clusterSize'],
    [{ clusterSize: 257 }, 'cluster-size-invalid', 'clusterSize'],
    [{ slots: { 'npu.device': '1' } }, 'slot-unknown', 'slots.npu.device'],
    [{ sharedMemory: '1g' }, 'resources-invalid', 'sharedMemory'],
    [{ sharedMemory: '0' }, 'resources-invalid', 'sharedMemory'],
    [{ sharedMemory: 'much' }, 'resources-invalid', 'sharedMemory'],
  ];
  for (const [input, code, field] of wrong) {
    const { rejection, session } = await create(fixture, input);
    assert.equal([rejection?.code, rejection?.field, session], [code, field, null]);
  }
});

clusters.after(async () => {
  await fixture[Symbol.asyncDispose]();
});
clusters.run();
