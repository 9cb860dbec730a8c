import type { DeviceHolder } from '@orrery/projections';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { shapeDevices } from '../../../gateway/graphql/agents/agent-devices.ts';

const test = suite('gateway: devices of an agent');

const device = (id: string, slot = 'cuda.shares') => ({
  id,
  slot,
  amount: '10',
  model: 'H100',
  memoryBytes: 1,
  numaNode: 0,
  isolation: 'time-sharing' as const,
});
const holder = (name: string, amount: string, more: Partial<DeviceHolder> = {}): DeviceHolder => ({
  agentId: 'a',
  kernelId: `k-${name}`,
  sessionId: `s-${name}`,
  sessionName: name,
  isVisible: true,
  devices: [{ id: 'GPU-1', slot: 'cuda.shares', amount, model: 'H100', memoryBytes: 1 }],
  ...more,
});

test('what is used of a device counts every session, and names only those one may see', () => {
  const holders = [
    holder('own', '0.5'),
    holder('foreign', '2', { isVisible: false }),
    holder('elsewhere', '1', { agentId: 'b' }),
  ];
  const [first, second] = shapeDevices(
    { id: 'a', devices: [device('GPU-1'), device('GPU-1', 'cuda.device')] },
    holders,
  );
  assert.equal(first, {
    ...device('GPU-1'),
    isolation: 'TIME_SHARING',
    used: '2.5',
    holders: [{ sessionId: 's-own', sessionName: 'own', kernelId: 'k-own', amount: '0.5' }],
  });
  assert.equal(second, {
    ...device('GPU-1', 'cuda.device'),
    isolation: 'TIME_SHARING',
    used: '0',
    holders: [],
  });
});

test.run();
