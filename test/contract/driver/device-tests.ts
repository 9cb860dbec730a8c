import { createLogger, DEFAULT_ACCELERATOR, type KernelSpec } from '@orrery/bus';
import type { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { coresOf } from '../../../actors/agent/compute/cores.ts';
import { DeviceDriver } from '../../../actors/agent/compute/device-driver.ts';
import { MockPlugin } from '../../../actors/agent/compute/mock-plugin.ts';
import { NodeDevices } from '../../../actors/agent/compute/node-devices.ts';
import { CpuPlugin, MemoryPlugin } from '../../../actors/agent/compute/system-plugins.ts';
import type { ContainerDriver } from '../../../actors/agent/container-driver.ts';
import { ContainerFailure } from '../../../actors/agent/errors.ts';
import { type Abilities, type DriverBench, kernelSpec, start, within } from './driver-bench.ts';
import { exitOf, readAll } from './driving.ts';
import { mockFile } from './mock-files.ts';

const NODE = 'node-with-devices';
const GPUS = 4;
const MEMORY_BYTES = 64 * 1024 ** 3;
const MEBIBYTE = 1024 ** 2;

/** As an agent starts: nothing is known but what is written on the containers. */
async function openWithDevices(bench: DriverBench, target: 'container' | 'process') {
  const engine = await bench.open(NODE);
  const { cores } = await engine.capacity(within());
  const devices = await NodeDevices.open(
    {
      plugins: [
        new CpuPlugin(coresOf(cores), { overcommit: 8, isPinned: true }),
        new MemoryPlugin(MEMORY_BYTES, 1),
        new MockPlugin(mockFile(GPUS), DEFAULT_ACCELERATOR),
      ],
      target,
      order: ['cuda', 'cpu', 'mem'],
      policy: 'interleaved',
      reserved: {},
      logger: createLogger({ name: 'test', level: 'silent' }),
    },
    within(),
  );
  return { devices, driver: new DeviceDriver(engine, devices) };
}

const asking = (gpus: number, more: Partial<KernelSpec>): Partial<KernelSpec> => ({
  ...more,
  slots: { cpu: '0.5', mem: String(128 * MEBIBYTE), 'cuda.device': String(gpus) },
});

const gpusOf = async (driver: ContainerDriver, kernel: string): Promise<readonly string[]> =>
  ((await driver.find(kernel, within()))?.devices?.held ?? []).map(({ id }) => id);

/** What a driver promises of a node's devices, with pretended ones. */
export function deviceTests(
  test: ReturnType<typeof suite<{ bench: DriverBench; driver: ContainerDriver }>>,
  abilities: Abilities,
): void {
  const target = abilities.name === 'process' ? 'process' : 'container';

  test('no device is given to two kernels, and what is freed is given again', async ({ bench }) => {
    const { driver, devices } = await openWithDevices(bench, target);
    const [first, second, third] = [3, 1, 2].map((gpus) =>
      kernelSpec(bench.image, asking(gpus, bench.programs.wait())),
    ) as [KernelSpec, KernelSpec, KernelSpec];
    await start(driver, first);
    await start(driver, second);
    const given = [first, second].map(({ kernel }) => gpusOf(driver, kernel));
    assert.is(new Set((await Promise.all(given)).flat()).size, GPUS);
    const refused = await start(driver, third).catch((failure: unknown) => failure);
    assert.ok(refused instanceof ContainerFailure);
    assert.is(refused.code, 'node-full');
    assert.is(await driver.find(third.kernel, within()), undefined);
    await driver.remove(first.kernel, within());
    assert.is((await start(driver, third)).state.phase, 'running');
    for (const { kernel } of [second, third]) await driver.remove(kernel, within());
    assert.equal(devices.holders(), {});
    await driver[Symbol.asyncDispose]();
  });

  test('a kernel that cannot be started holds nothing', async ({ bench }) => {
    const { driver, devices } = await openWithDevices(bench, target);
    const spec = kernelSpec('orrery.invalid/nothing:1', asking(1, bench.programs.exit(0)));
    await start(driver, spec).catch(() => undefined);
    assert.equal(devices.holders(), {});
    const unknown = kernelSpec(bench.image, {
      ...bench.programs.exit(0),
      slots: { cpu: '1', 'rocm.device': '1' },
    });
    const refused = await start(driver, unknown).catch((failure: unknown) => failure);
    assert.ok(refused instanceof ContainerFailure);
    assert.is(refused.code, 'unsupported-resource');
    assert.equal(devices.holders(), {});
    await driver[Symbol.asyncDispose]();
  });

  if (abilities.survives)
    test('a new agent finds who holds what, and gives nothing of it away', async ({ bench }) => {
      const before = await openWithDevices(bench, target);
      const specs = [1, 2].map((gpus) =>
        kernelSpec(bench.image, asking(gpus, bench.programs.wait())),
      );
      for (const spec of specs) await start(before.driver, spec);
      const holders = before.devices.holders();
      await before.driver[Symbol.asyncDispose]();
      const { driver, devices } = await openWithDevices(bench, target);
      await driver.list(within());
      assert.equal(devices.holders(), holders);
      const last = kernelSpec(bench.image, asking(1, bench.programs.wait()));
      await start(driver, last);
      const all = [...specs, last].map(({ kernel }) => gpusOf(driver, kernel));
      assert.is(new Set((await Promise.all(all)).flat()).size, GPUS);
      for (const { kernel } of [...specs, last]) await driver.remove(kernel, within());
      assert.equal(devices.holders(), {});
      await driver[Symbol.asyncDispose]();
    });

  if (abilities.isReal) realDeviceTests(test, target);
}

function realDeviceTests(
  test: ReturnType<typeof suite<{ bench: DriverBench; driver: ContainerDriver }>>,
  target: 'container' | 'process',
): void {
  const outputOf = async (bench: DriverBench, more: Partial<KernelSpec>): Promise<string> => {
    const { driver } = await openWithDevices(bench, target);
    const spec = kernelSpec(bench.image, more);
    await start(driver, spec);
    await exitOf(driver, spec.kernel);
    const request = { kernel: spec.kernel, mode: 'so-far', offsetBytes: 0 } as const;
    const { stdout } = await readAll(driver.logs(request, within()));
    await driver.remove(spec.kernel, within());
    await driver[Symbol.asyncDispose]();
    return stdout;
  };

  test('a program is told which devices it has, whatever its session says', async ({ bench }) => {
    const hidden = target === 'container' ? 'NVIDIA_VISIBLE_DEVICES' : 'CUDA_VISIBLE_DEVICES';
    const script = `echo "$BACKENDAI_MOCK_CUDA_DEVICES $GPU_COUNT $GPU_TYPE hidden=$${hidden}"`;
    const environ = { BACKENDAI_MOCK_CUDA_DEVICES: 'all', GPU_COUNT: '9', [hidden]: 'all' };
    const none = target === 'container' ? 'void' : '';
    const two = { ...asking(2, { command: ['sh', '-c', script], environ }) };
    assert.is(await outputOf(bench, two), `GPU-0,GPU-2 2 cuda hidden=${none}\n`);
    const without = { command: ['sh', '-c', `echo "$GPU_COUNT hidden=$${hidden}"`], environ };
    assert.is(await outputOf(bench, without), `0 hidden=${none}\n`);
  });

  test('the files in the config directory tell the same', async ({ bench }) => {
    const script = 'cd "$ORRERY_CONFIG_DIRECTORY" && ls && cat resource.txt environ.txt';
    const told = await outputOf(bench, asking(1, { command: ['sh', '-c', script] }));
    const lines = told.split('\n');
    for (const file of ['environ.txt', 'environ_base.txt', 'resource.txt', 'resource_base.txt'])
      assert.ok(lines.includes(file), file);
    assert.ok(lines.includes('CUDA.DEVICE_SHARES=GPU-0:1'), told);
    assert.ok(lines.includes('MEM_SHARES=root:128m'), told);
    assert.ok(lines.includes('CUDA_GLOBAL_DEVICE_IDS=0:GPU-0'), told);
    assert.ok(lines.includes('BACKENDAI_MOCK_CUDA_DEVICES=GPU-0'), told);
    assert.ok(
      lines.some((line) => /^CID=[0-9a-f-]{12,}$/.test(line)),
      told,
    );
    assert.ok(
      lines.some((line) => /^CPU_SHARES=\d+:0.5$/.test(line)),
      told,
    );
  });

  if (target === 'container')
    test('a program keeps to the cores it was given', async ({ bench }) => {
      const command = [
        'sh',
        '-c',
        'python3 -c "import os; print(*os.sched_getaffinity(0))"; ' +
          'cat "$ORRERY_CONFIG_DIRECTORY"/resource.txt',
      ];
      const told = await outputOf(bench, { command, slots: { cpu: '1' } });
      const allowed = /^(\d+)\n/.exec(told)?.[1];
      const given = /^CPU_SHARES=(\d+):1$/m.exec(told)?.[1];
      assert.ok(allowed !== undefined, told);
      assert.is(allowed, given);
    });
}
