import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ContainerDriver, KernelUsage } from '../../../actors/agent/container-driver.ts';
import { until } from '../bus/harness.ts';
import { type Abilities, type DriverBench, kernelSpec, start, within } from './driver-bench.ts';

const MEBIBYTE = 1024 * 1024;
const CPU_MS_MIN = 100;

/** Registers what a driver promises to know of what its kernels use. */
export function usageSuite(abilities: Abilities): void {
  const test = suite<{ bench: DriverBench; driver: ContainerDriver }>(
    `usage with the driver ${abilities.name}`,
  );
  test.before(async (context) => {
    context.bench = await abilities.makeBench();
    context.driver = await context.bench.open('node-a');
  });
  test.after(async ({ bench, driver }) => {
    for (const { kernel } of await driver.list(within())) await driver.remove(kernel, within());
    await driver[Symbol.asyncDispose]();
    await bench.close();
  });

  test('a kernel that works is told with its time and its memory, and no other', async ({
    bench,
    driver,
  }) => {
    const busy = ['timeout', '120', 'sh', '-c', 'while :; do :; done'];
    const program = abilities.isReal ? { command: busy } : bench.programs.wait();
    const spec = kernelSpec(bench.image, program);
    await start(driver, spec);
    const asked = [spec.kernel, kernelSpec(bench.image, {}).kernel];
    let usages: ReadonlyMap<string, KernelUsage> = new Map();
    await until(async () => {
      usages = await driver.usage(asked, within());
      return (usages.get(spec.kernel)?.cpuMs ?? 0) >= CPU_MS_MIN;
    });
    assert.equal([...usages.keys()], [spec.kernel]);
    const usage = usages.get(spec.kernel);
    assert.is(usage?.memoryLimitBytes, 128 * MEBIBYTE);
    assert.ok((usage?.memoryBytes ?? 0) > 0 && (usage?.memoryBytes ?? 0) <= 128 * MEBIBYTE);
    await driver.remove(spec.kernel, within());
    assert.is((await driver.usage(asked, within())).size, 0);
  });

  if (abilities.survives)
    test('what runs already is measured by a driver that was made anew', async ({
      bench,
      driver,
    }) => {
      const spec = kernelSpec(bench.image, bench.programs.wait());
      await start(driver, spec);
      await using later = await bench.open('node-a');
      await later.list(within());
      const usages = await later.usage([spec.kernel], within());
      assert.ok((usages.get(spec.kernel)?.memoryBytes ?? 0) > 0);
    });

  test.run();
}
