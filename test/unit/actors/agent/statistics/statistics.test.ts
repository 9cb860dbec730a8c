import { createLogger, StatisticsMessage } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SimulatedDriver } from '../../../../../actors/agent/simulated/simulated-driver.ts';
import { tellStatistics } from '../../../../../actors/agent/statistics/statistics.ts';
import { SimulatedClock } from '../../../../../bus/memory/simulated-clock.ts';
import { specOf } from '../agent-bench.ts';

const PERIOD_MS = 5_000;
const GIBIBYTE = 1024 ** 3;

class Stage {
  readonly clock = new SimulatedClock(1_000_000);
  readonly driver = new SimulatedDriver({ clock: this.clock });
  readonly said: StatisticsMessage[] = [];
  readonly running: string[] = [];
  readonly stop = new AbortController();

  begin(
    readNode?: Parameters<typeof tellStatistics>[0]['readNode'],
    readDevices?: Parameters<typeof tellStatistics>[0]['readDevices'],
  ): void {
    const live = {
      publish: (_subject: string, body: unknown) => this.said.push(StatisticsMessage.parse(body)),
    };
    void tellStatistics(
      {
        node: 'node-a',
        driver: this.driver,
        live,
        periodMs: PERIOD_MS,
        clock: this.clock,
        steady: this.clock,
        logger: createLogger({ name: 'test', level: 'silent' }),
        readNode,
        readDevices,
        running: () => this.running,
      },
      this.stop.signal,
    );
  }

  async start(load: number, slots: Record<string, string>): Promise<string> {
    const spec = specOf({ runMs: null, load }, { slots });
    await this.driver.start(spec, { wishRevision: 1 }, this.stop.signal);
    this.running.push(spec.kernel);
    return spec.kernel;
  }

  metricsOf(kernel: string) {
    const last = this.said.findLast(({ of }) => of === 'kernels');
    return last?.of === 'kernels' ? last.kernels[kernel] : undefined;
  }
}

const test = suite<{ stage: Stage }>('statistics: what an agent tells of its kernels and its node');
test.before.each((context) => {
  context.stage = new Stage();
});
test.after.each(({ stage }) => stage.stop.abort());

test('a kernel is told every period, with its share of a core and of its memory', async ({
  stage,
}) => {
  const kernel = await stage.start(0.75, { cpu: '2', mem: String(GIBIBYTE) });
  stage.begin();
  await stage.clock.advance(2 * PERIOD_MS);
  const metrics = stage.metricsOf(kernel);
  assert.is(metrics?.['cpu_util']?.pct, '150.00');
  assert.equal([metrics?.['mem']?.pct, metrics?.['mem']?.capacity], ['75.00', String(GIBIBYTE)]);
  assert.is(metrics?.['cpu_used']?.unit_hint, 'msec');
  assert.is(stage.said.length, 3);
});

test('a kernel that has ended is told no more, and one that comes is told from then on', async ({
  stage,
}) => {
  const first = await stage.start(1, { cpu: '1', mem: '1024' });
  stage.begin();
  await stage.clock.advance(PERIOD_MS);
  await stage.driver.stop({ kernel: first, graceMs: 0 }, stage.stop.signal);
  const second = await stage.start(1, { cpu: '1', mem: '1024' });
  await stage.clock.advance(PERIOD_MS);
  assert.is(stage.metricsOf(first), undefined);
  assert.is(stage.metricsOf(second)?.['mem']?.pct, '100.00');
});

test('many kernels are told in messages that the bus takes', async ({ stage }) => {
  for (let count = 0; count < 450; count++) await stage.start(0.5, { cpu: '1', mem: '1024' });
  stage.begin();
  await stage.clock.advance(1);
  const counts = stage.said.map((told) =>
    told.of === 'kernels' ? Object.keys(told.kernels).length : 0,
  );
  assert.equal(counts, [200, 200, 50]);
  assert.ok(stage.said.every((told) => JSON.stringify(told).length < 512 * 1024));
});

test('a node is told with its devices, and one that was taken out is gone', async ({ stage }) => {
  let disks: Record<string, { value: number; capacity: number }> = {
    '/dev/a': { value: 1, capacity: 4 },
    '/dev/b': { value: 2, capacity: 4 },
  };
  stage.begin((elapsedMs) => ({
    metrics: { cpu_util: { value: stage.clock.nowMs(), capacity: elapsedMs } },
    devices: { disk: disks },
  }));
  await stage.clock.advance(PERIOD_MS);
  disks = { '/dev/b': { value: 3, capacity: 4 } };
  await stage.clock.advance(PERIOD_MS);
  const last = stage.said.findLast(({ of }) => of === 'node');
  assert.ok(last?.of === 'node');
  assert.is(last.metrics['cpu_util']?.pct, '100.00');
  assert.equal(Object.keys(last.devices['disk'] ?? {}), ['/dev/b']);
  assert.is(last.devices['disk']?.['/dev/b']?.pct, '75.00');
});

test('a reading that fails costs one round', async ({ stage }) => {
  let isBroken = true;
  stage.begin(() => {
    if (isBroken) throw new Error('no /proc');
    return { metrics: { mem: { value: 1, capacity: 2 } }, devices: {} };
  });
  await stage.clock.advance(PERIOD_MS);
  assert.is(stage.said.length, 0);
  isBroken = false;
  await stage.clock.advance(PERIOD_MS);
  assert.is(stage.said.length, 1);
});

test('accelerators are told for the node, for each of them and for the kernel that has one', async ({
  stage,
}) => {
  const kernel = await stage.start(0.5, { cpu: '1', mem: '1024' });
  const util = { value: 60, capacity: 100 };
  let isSilent = false;
  const readDevices = async () => {
    if (isSilent) throw new Error('the driver hangs');
    const metrics = { rocm_util: util, rocm_mem: { value: 1024, capacity: 4096 } };
    return {
      metrics,
      devices: { rocm_util: { 'PCB-A': util } },
      kernels: new Map([[kernel, metrics]]),
    };
  };
  stage.begin(() => ({ metrics: { mem: { value: 1, capacity: 2 } }, devices: {} }), readDevices);
  await stage.clock.advance(PERIOD_MS);
  const node = stage.said.findLast(({ of }) => of === 'node');
  assert.is(node?.of === 'node' ? node.metrics['rocm_util']?.pct : '', '60.00');
  assert.is(node?.of === 'node' ? node.devices['rocm_util']?.['PCB-A']?.current : '', '60');
  assert.equal(stage.metricsOf(kernel)?.['rocm_mem'], {
    current: '1024',
    capacity: '4096',
    pct: '25.00',
    unit_hint: 'bytes',
    'stats.max': '1024',
  });
  isSilent = true;
  const before = stage.said.length;
  await stage.clock.advance(PERIOD_MS);
  assert.is(stage.said.length, before + 2, 'all else is told while the driver is silent');
});

test.run();
