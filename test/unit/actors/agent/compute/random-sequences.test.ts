import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DeviceLedger } from '../../../../../actors/agent/compute/device-ledger.ts';
import type {
  AffinityPolicy,
  Allocations,
} from '../../../../../actors/agent/compute/device-map.ts';
import { bigNode, ledgerOf } from './map-bench.ts';

const SEQUENCES = 200;
const GPUS = 8;
const CORES = 16;

const test = suite('device map: random sequences on a node of 8 GPUs and 2 NUMA nodes');

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('give' as const),
      gpus: fc.nat(4),
      cores: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('free' as const), victim: fc.nat() }) },
);
const sequence = fc.record({
  steps: fc.array(step, { minLength: 5, maxLength: 40 }),
  restartAt: fc.nat(40),
  policy: fc.constantFrom<AffinityPolicy>('interleaved', 'prefer-single-node'),
});

const nodeOf = (device: string, each: number): number => Math.floor(Number(device) / each);
const devices = (allocations: Allocations, slot: string): readonly string[] =>
  Object.keys(allocations[slot] ?? {});

/** Free GPUs and cores of each NUMA node, counted from who holds what. */
function freeOn(ledger: DeviceLedger, node: number): { gpus: number; cores: number } {
  const held = Object.values(ledger.holders());
  const used = (slot: string, each: number) =>
    held.flatMap((one) => devices(one, slot)).filter((id) => nodeOf(id, each) === node).length;
  return {
    gpus: GPUS / 2 - used('cuda.device', GPUS / 2),
    cores: CORES / 2 - used('cpu', CORES / 2),
  };
}

function checkAffinity(
  given: Allocations,
  before: readonly { gpus: number; cores: number }[],
  policy: AffinityPolicy,
): void {
  const gpus = devices(given, 'cuda.device');
  const cores = devices(given, 'cpu');
  const gpuNodes = new Set(gpus.map((id) => nodeOf(id, GPUS / 2)));
  const coreNodes = new Set(cores.map((id) => nodeOf(id, CORES / 2)));
  if (policy === 'prefer-single-node') {
    const couldBeOne = before.some(
      (free) => free.gpus >= gpus.length && free.cores >= cores.length,
    );
    if (couldBeOne) assert.is(new Set([...gpuNodes, ...coreNodes]).size, 1, 'on one NUMA node');
  }
  if (gpus.length === 0) return;
  const coresNear = [...gpuNodes].reduce((sum, node) => sum + (before[node]?.cores ?? 0), 0);
  if (coresNear >= cores.length)
    assert.ok(
      [...coreNodes].every((node) => gpuNodes.has(node)),
      'cores near the GPUs',
    );
  if (policy === 'interleaved' && before.every((free) => free.gpus >= gpus.length)) {
    const onFirst = gpus.filter((id) => nodeOf(id, GPUS / 2) === 0).length;
    assert.ok(Math.abs(2 * onFirst - gpus.length) <= 1, 'mixed over the NUMA nodes');
  }
}

function checkUnique(ledger: DeviceLedger): void {
  for (const slot of ['cuda.device', 'cpu']) {
    const given = Object.values(ledger.holders()).flatMap((one) => devices(one, slot));
    assert.is(new Set(given).size, given.length, `a device of ${slot} was given twice`);
  }
  assert.equal(ledger.overdrafts(), []);
}

test('no device is given twice, affinity is kept, and a restart changes nothing', () => {
  let grants = 0;
  let refusals = 0;
  const property = fc.property(sequence, ({ steps, restartAt, policy }) => {
    let ledger = ledgerOf(bigNode(), { policy });
    let twin: DeviceLedger | undefined;
    for (const [place, action] of steps.entries()) {
      if (place === restartAt) {
        twin = ledger;
        // All that a new agent knows is what is written on the containers.
        const written: unknown = JSON.parse(JSON.stringify(ledger.holders()));
        ledger = ledgerOf(bigNode(), { policy });
        for (const [kernel, held] of Object.entries(written as Record<string, Allocations>))
          ledger.hold(kernel, held);
        assert.equal(ledger.holders(), twin.holders());
      }
      if (action.kind === 'free') {
        const kernels = Object.keys(ledger.holders());
        const victim = kernels[action.victim % Math.max(1, kernels.length)] ?? 'nobody';
        ledger.free(victim);
        twin?.free(victim);
        continue;
      }
      const slots = { cpu: String(action.cores), mem: '1024', 'cuda.device': String(action.gpus) };
      const before = [0, 1].map((node) => freeOn(ledger, node));
      const sum = (of: 'gpus' | 'cores') => before.reduce((total, free) => total + free[of], 0);
      const planned = ledger.plan(slots);
      assert.is(planned.ok, sum('gpus') >= action.gpus && sum('cores') >= action.cores);
      // The agent that was not restarted would have decided the same.
      if (twin !== undefined) assert.equal(planned, twin.plan(slots));
      if (!planned.ok) {
        refusals += 1;
        continue;
      }
      grants += 1;
      assert.is(devices(planned.value, 'cuda.device').length, action.gpus);
      assert.is(devices(planned.value, 'cpu').length, action.cores);
      ledger.hold(`k${place}`, planned.value);
      twin?.hold(`k${place}`, planned.value);
      checkAffinity(planned.value, before, policy);
      checkUnique(ledger);
    }
  });
  fc.assert(property, { numRuns: SEQUENCES });
  assert.ok(
    grants > SEQUENCES && refusals > SEQUENCES / 10,
    `${grants} given, ${refusals} refused`,
  );
});

test.run();
