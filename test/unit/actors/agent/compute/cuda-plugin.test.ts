import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AcceleratorSettings, createLogger, DEFAULT_ACCELERATOR } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AcceleratorRules } from '../../../../../actors/agent/compute/accelerator.ts';
import { CudaPlugin, openCuda } from '../../../../../actors/agent/compute/cuda-plugin.ts';
import { NodeDevices } from '../../../../../actors/agent/compute/node-devices.ts';
import { containerOptions } from '../../../../../actors/agent/docker/container-options.ts';
import { kernelSpec } from '../../../../contract/driver/driver-bench.ts';
import { build, openStub, within } from '../../../native/stub-scenario.ts';

const GIBIBYTE = 1024 ** 3;
const uuid = (index: number) => `GPU-00000000-0000-0000-0000-${String(index).padStart(12, '0')}`;
const mps = mkdtempSync(join(tmpdir(), 'orrery-mps-'));
process.once('exit', () => rmSync(mps, { recursive: true, force: true }));

async function devicesOf(
  scenario: readonly string[],
  settings: Partial<AcceleratorSettings> = {},
  target: 'container' | 'process' = 'container',
) {
  const all = { ...DEFAULT_ACCELERATOR, mpsPipeDirectory: '/no/such/place', ...settings };
  const nvml = await openStub(scenario);
  const plugin = new CudaPlugin(nvml, new AcceleratorRules('cuda', all), all.mpsPipeDirectory);
  const logger = createLogger({ name: 'test', level: 'silent' });
  const parts = { order: ['cuda'], policy: 'interleaved' as const, reserved: {}, logger };
  return NodeDevices.open({ plugins: [plugin], target, ...parts }, within());
}

const test = suite('CUDA plugin with the stub library');

test('GPUs are offered whole by their UUIDs, and a container asks for its own only', async () => {
  await using devices = await devicesOf(['devices 3']);
  assert.equal(devices.slots, { 'cuda.device': '3' });
  assert.is(devices.accelerators[0]?.isolation, 'exclusive');
  const grant = devices.assign('k', { 'cuda.device': '2' });
  const ids = grant.held.map(({ id }) => id);
  assert.is(new Set(ids).size, 2);
  assert.ok(ids.every((id) => [0, 1, 2].map(uuid).includes(id)));
  assert.is(grant.fragment.environ?.['NVIDIA_VISIBLE_DEVICES'], ids.join(','));
  assert.is(grant.fragment.resources?.['CUDA_GLOBAL_DEVICE_IDS'], `0:${ids[0]},1:${ids[1]}`);
  const made = containerOptions({
    spec: kernelSpec('python:3', {}),
    origin: { wishRevision: 1, grant },
    owner: { node: 'n', installation: 'i' },
    traits: { cores: 4, hasCpusets: true, user: undefined, ulimits: [] },
    environ: {},
    mounts: [],
  });
  assert.equal(made.HostConfig?.DeviceRequests, [
    {
      Driver: 'nvidia',
      DeviceIDs: ids,
      Capabilities: [['utility', 'compute', 'video', 'graphics', 'display']],
    },
  ]);
  const written = JSON.parse(made.Labels?.['orrery.devices'] ?? '');
  assert.equal(written, { allocations: grant.allocations, held: grant.held });
});

test('a process sees its own devices, and one without devices sees none', async () => {
  await using devices = await devicesOf(['devices 2'], {}, 'process');
  const seen = (kernel: string, slots: Record<string, string>) =>
    devices.assign(kernel, slots).fragment.environ?.['CUDA_VISIBLE_DEVICES'];
  assert.is(seen('k', { 'cuda.device': '1' }), uuid(0));
  assert.is(seen('other', {}), '');
});

test('MIG slices have a slot of their own, beside whole devices', async () => {
  await using devices = await devicesOf([
    'devices 2',
    `instance 1 1g.10gb 1 ${10 * GIBIBYTE}`,
    `instance 1 2g.20gb 2 ${20 * GIBIBYTE}`,
  ]);
  assert.equal(devices.slots, {
    'cuda.device': '1',
    'cuda.mig-1g-10gb': '1',
    'cuda.mig-2g-20gb': '1',
  });
  const [slice] = devices.assign('k', { 'cuda.mig-1g-10gb': '1' }).held;
  assert.is(slice?.memoryBytes, 10 * GIBIBYTE);
  assert.match(slice?.id ?? '', /^MIG-/);
});

test('shares are enforced where an MPS daemon listens, and where none does it is said', async () => {
  const fractional = { allocationMode: 'fractional', unitMemory: '8g' } as const;
  await using plain = await devicesOf(['devices 1'], fractional);
  const [device] = plain.accelerators;
  assert.is(device?.slot, 'cuda.shares');
  assert.is(device?.isolation, 'time-sharing');
  assert.is(
    plain.assign('k', { 'cuda.shares': '0.5' }).fragment.environ?.['CUDA_MPS_PIPE_DIRECTORY'],
    undefined,
  );
  await using shared = await devicesOf(['devices 1'], { ...fractional, mpsPipeDirectory: mps });
  assert.is(shared.accelerators[0]?.isolation, 'mps');
  const { held, fragment } = shared.assign('k', { 'cuda.shares': '0.5' });
  assert.is(held[0]?.memoryBytes, 4 * GIBIBYTE);
  assert.is(fragment.environ?.['CUDA_MPS_PINNED_DEVICE_MEM_LIMIT'], '0=4096M');
  const percent = Math.floor(50 / Number(device?.amount));
  assert.is(fragment.environ?.['CUDA_MPS_ACTIVE_THREAD_PERCENTAGE'], String(percent));
  assert.is(fragment.ipcMode, 'host');
  assert.equal(fragment.mounts, [{ source: mps, target: mps }]);
  assert.is(fragment.resources?.['CUDA_RESOURCE_VIRTUALIZED'], '1');
});

test('what a GPU does is told for it and for the kernel that has it', async () => {
  await using devices = await devicesOf(['devices 2']);
  devices.assign('k', { 'cuda.device': '1' });
  const { devices: each, kernels } = await devices.measure(within());
  assert.equal(Object.keys(each['cuda_mem'] ?? {}), [uuid(0), uuid(1)]);
  const [device] = devices.accelerators;
  const memory = kernels.get('k')?.['cuda_mem'];
  assert.equal(memory, each['cuda_mem']?.[uuid(0)]);
  assert.is(memory?.capacity, device?.memoryBytes);
  assert.ok((kernels.get('k')?.['cuda_power']?.value ?? 0) > 0);
});

test('a masked GPU is nobody’s, by index or UUID', async () => {
  await using devices = await devicesOf(['devices 3'], { deviceMask: ['0', uuid(2)] });
  assert.equal(
    devices.accelerators.map(({ id }) => id),
    [uuid(1)],
  );
});

test('a GPU that is unplugged is offered no more, and stays held by who has it', async () => {
  await using devices = await devicesOf(['devices 2', 'after 1', 'devices 1']);
  devices.assign('k', { 'cuda.device': '2' });
  assert.is(await devices.refresh(within()), true);
  assert.equal(devices.slots, { 'cuda.device': '1' });
  assert.equal(devices.holders(), { k: { 'cuda.device': { [uuid(0)]: '1', [uuid(1)]: '1' } } });
  assert.throws(
    () => devices.assign('other', { 'cuda.device': '1' }),
    (thrown: Error & { code?: string }) => thrown.code === 'node-full',
  );
});

test('without a driver there are no GPUs, and it is said why', async () => {
  const known = process.env['ORRERY_NVML_LIBRARY'];
  process.env['ORRERY_NVML_LIBRARY'] = '/no/such/library.so';
  const why: string[] = [];
  const plugin = await openCuda(DEFAULT_ACCELERATOR, (told) => why.push(told), within());
  if (known === undefined) delete process.env['ORRERY_NVML_LIBRARY'];
  else process.env['ORRERY_NVML_LIBRARY'] = known;
  assert.is(plugin, undefined);
  assert.match(why[0] ?? '', /^library-missing: /);
});

// Without a compiler there is no stub; `stub-scenario.ts` says so aloud.
if (build.isBuilt) test.run();
