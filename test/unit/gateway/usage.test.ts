import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { shapeQuota } from '../../../gateway/graphql/usage/quotas.ts';
import { startGateway } from './gateway-fixture.ts';

const quotas = suite('usage: quotas');

quotas('what is held is summed over groups, and what is left is never below zero', () => {
  const quota = shapeQuota('project', {
    key: 'p1',
    name: 'optics',
    limits: { total: { cpu: '2', mem: '1024' }, concurrentSessionsMax: 3 },
    heldSlots: { gpu: { cpu: '1.5', 'cuda.device': '1' }, default: { cpu: '0.75' } },
    sessions: 2,
    pendingSessions: 1,
  });
  assert.equal(quota.slots, [
    { slot: 'cpu', occupied: '2.25', limit: '2', remaining: '0' },
    { slot: 'cuda.device', occupied: '1', limit: null, remaining: null },
    { slot: 'mem', occupied: '0', limit: '1024', remaining: '1024' },
  ]);
  assert.equal(
    quota.inGroups.map((group) => Reflect.get(group, 'resourceGroup')),
    ['default', 'gpu'],
  );
  assert.equal([quota.sessions, quota.maxConcurrentSessions, quota.pendingSessions], [2, 3, 1]);
});

quotas('of what is not named nothing may be had where that was said', () => {
  const { slots } = shapeQuota('user', {
    key: 'u1',
    name: 'ann',
    limits: { total: { cpu: '2' }, unlistedSlots: 'none' },
    heldSlots: { default: { mem: '5' } },
    sessions: 1,
    pendingSessions: 0,
  });
  assert.equal(slots.at(-1), { slot: 'mem', occupied: '5', limit: '0', remaining: '0' });
});

quotas(
  'a day that there is not, and a period that is none, are refused by their field',
  async () => {
    await using gateway = await startGateway();
    const ask = async (from: string, to: string): Promise<unknown> => {
      const query = 'query ($from: String!, $to: String!) { usage(from: $from, to: $to) { slot } }';
      const { body } = await gateway.graphql(query, { from, to });
      return body.errors?.[0]?.extensions['field'];
    };
    assert.is(await ask('2026-02-30', '2026-03-01'), 'from');
    assert.is(await ask('2026-02-01', 'today'), 'to');
    assert.is(await ask('2026-02-01', '2026-03-01'), undefined);
  },
);

quotas.run();
