import { rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AcceleratorSettings,
  ComputeSettings,
  createLogger,
  DEFAULT_ACCELERATOR,
  type Logger,
  SettingsInvalid,
} from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AcceleratorRules } from '../../../../../actors/agent/compute/accelerator.ts';
import { NodeDevices } from '../../../../../actors/agent/compute/node-devices.ts';
import { openDevices } from '../../../../../actors/agent/compute/open-devices.ts';
import { openRocm, RocmPlugin } from '../../../../../actors/agent/compute/rocm-plugin.ts';
import { containerOptions } from '../../../../../actors/agent/docker/container-options.ts';
import { kernelSpec } from '../../../../contract/driver/driver-bench.ts';
import { type PretendedDie, RocmTree } from './rocm-tree.ts';

const GIBIBYTE = 1024 ** 3;
const logger = createLogger({ name: 'test', level: 'silent' });
const within = (): AbortSignal => AbortSignal.timeout(10_000);

/** Two boards of two dies each, as an MI250 has them, and one alone. */
const MACHINE: readonly PretendedDie[] = [
  { minor: 128, serial: 'PCB-A', product: 'Instinct MI250', numaNode: 0 },
  { minor: 129, serial: 'PCB-A', product: 'Instinct MI250', numaNode: 0 },
  { minor: 130, serial: 'PCB-B', product: 'Instinct MI250', numaNode: 1 },
  { minor: 131, serial: 'PCB-B', product: 'Instinct MI250', numaNode: 1 },
  { minor: 132, uniqueId: '18446744073709551600', memoryGibibytes: 24 },
];

const BOARDS_ONLY = { deviceMask: ['fffffffffffffff0'] };

async function devicesOf(
  tree: RocmTree,
  settings: Partial<AcceleratorSettings> = {},
  target: 'container' | 'process' = 'container',
) {
  const rules = new AcceleratorRules('rocm', { ...DEFAULT_ACCELERATOR, ...settings });
  const plugins = [new RocmPlugin(rules, tree.paths)];
  const parts = { order: ['rocm'], policy: 'interleaved' as const, reserved: {}, logger };
  return NodeDevices.open({ plugins, target, ...parts }, within());
}

const test = suite('ROCm plugin on a tree as sysfs shows it');

test('boards are offered whole, with all of their dies, by what stays the same over restarts', async () => {
  using tree = new RocmTree(MACHINE);
  await using devices = await devicesOf(tree);
  assert.equal(devices.slots, { 'rocm.device': '3' });
  assert.equal(
    devices.accelerators.map(({ id, model, memoryBytes, numaNode, isolation }) => [
      ...[id, model, memoryBytes / GIBIBYTE, numaNode, isolation],
    ]),
    [
      ['PCB-A', 'Instinct MI250', 128, 0, 'exclusive'],
      ['PCB-B', 'Instinct MI250', 128, 1, 'exclusive'],
      ['fffffffffffffff0', 'aldebaran', 24, null, 'exclusive'],
    ],
  );
});

test('a container gets the device files of its boards and of no other', async () => {
  using tree = new RocmTree(MACHINE);
  await using devices = await devicesOf(tree, BOARDS_ONLY);
  const grant = devices.assign('k', { 'rocm.device': '1' });
  const { dev } = tree.paths;
  const made = containerOptions({
    spec: kernelSpec('python:3', {}),
    origin: { wishRevision: 1, grant },
    owner: { node: 'n', installation: 'i' },
    traits: { cores: 4, hasCpusets: true, user: undefined, ulimits: [] },
    environ: {},
    mounts: [],
  });
  assert.equal(
    made.HostConfig?.Devices?.map((file: { readonly PathOnHost: string }) => file.PathOnHost),
    ['kfd', 'dri/renderD128', 'dri/renderD129'].map((name) => join(dev, name)),
  );
  assert.is(grant.fragment.resources?.['ROCM_GLOBAL_DEVICE_IDS'], '0:PCB-A');
  assert.is(grant.fragment.environ?.['GPU_TYPE'], 'rocm');
  assert.equal(devices.assign('other', {}).fragment.devicePaths, []);
});

test('a process sees the dies of its boards by their numbers, and without boards none', async () => {
  using tree = new RocmTree(MACHINE);
  await using devices = await devicesOf(tree, BOARDS_ONLY, 'process');
  const seen = (kernel: string, slots: Record<string, string>) =>
    devices.assign(kernel, slots).fragment.environ?.['ROCR_VISIBLE_DEVICES'];
  devices.assign('first', { 'rocm.device': '1' });
  assert.is(seen('second', { 'rocm.device': '1' }), '2,3');
  assert.is(seen('none', {}), '');
});

test('a masked board is nobody’s, by its name or the number of one of its dies', async () => {
  using tree = new RocmTree(MACHINE);
  await using devices = await devicesOf(tree, { deviceMask: ['PCB-A', '4'] });
  assert.equal(
    devices.accelerators.map(({ id }) => id),
    ['PCB-B'],
  );
});

test('what a board does is told for it and for the kernel that has it', async () => {
  using tree = new RocmTree(MACHINE);
  tree.write(129, 'gpu_busy_percent', '80\n');
  for (const minor of [128, 129]) {
    tree.write(minor, 'hwmon/hwmon3/power1_average', '150000000\n');
    tree.write(minor, 'hwmon/hwmon3/power1_cap', '280000000\n');
    tree.write(minor, 'hwmon/hwmon3/temp1_input', `${40 + minor - 128}000\n`);
  }
  await using devices = await devicesOf(tree, BOARDS_ONLY);
  devices.assign('k', { 'rocm.device': '1' });
  const { metrics, devices: each, kernels } = await devices.measure(within());
  assert.equal(kernels.get('k'), {
    rocm_mem: { value: 2 * GIBIBYTE, capacity: 128 * GIBIBYTE },
    rocm_util: { value: 60, capacity: 100 },
    rocm_power: { value: 300, capacity: 560 },
    rocm_temperature: { value: 41 },
  });
  assert.equal(metrics['rocm_util'], { value: 100, capacity: 200 });
  assert.equal(each['rocm_mem']?.['PCB-B'], {
    value: 2 * GIBIBYTE,
    capacity: 128 * GIBIBYTE,
  });
});

test('a board that is unplugged is offered no more, and what it does not tell is left out', async () => {
  using tree = new RocmTree(MACHINE);
  await using devices = await devicesOf(tree);
  devices.assign('k', { 'rocm.device': '3' });
  tree.remove(132);
  rmSync(join(tree.paths.sysfs, 'class/drm/renderD130/device/gpu_busy_percent'));
  assert.is(await devices.refresh(within()), true);
  assert.equal(
    devices.accelerators.map(({ id }) => id),
    ['PCB-A', 'PCB-B'],
  );
  assert.is((await devices.measure(within())).devices['rocm_util']?.['PCB-B']?.value, 40);
  assert.throws(() => devices.assign('other', { 'rocm.device': '1' }));
});

test.run();

const without = suite('ROCm plugin where there is nothing of it');

async function openedWith(settings: object, tree: RocmTree): Promise<readonly string[]> {
  const told: string[] = [];
  const tell = (_about: object, message: string): void => void told.push(message);
  const listening: Logger = Object.assign(Object.create(logger), { info: tell, warn: tell });
  await using _devices = await openDevices(
    {
      settings: ComputeSettings.parse(settings),
      driver: 'process',
      capacity: { cores: 2, memoryBytes: GIBIBYTE, architecture: 'x86_64' },
      reserved: {},
      logger: listening,
      rocmPaths: tree.paths,
    },
    within(),
  );
  return told.filter((message) => message.includes('AMD'));
}

without('nobody hears of it, unless such devices were asked for by name', async () => {
  using tree = new RocmTree([]);
  assert.equal(await openedWith({}, tree), []);
  assert.equal(await openedWith({ plugins: ['rocm'] }, tree), [
    'no AMD GPUs can be given to kernels',
  ]);
});

without('shares of them are refused, as nothing would keep them apart', async () => {
  using tree = new RocmTree(MACHINE);
  const shares = { ...DEFAULT_ACCELERATOR, allocationMode: 'fractional' } as const;
  try {
    await openRocm(shares, () => undefined, tree.paths);
    assert.unreachable();
  } catch (cause) {
    assert.instance(cause, SettingsInvalid);
    assert.match(String(cause), 'accelerators.rocm.allocationMode');
  }
});

without.run();
