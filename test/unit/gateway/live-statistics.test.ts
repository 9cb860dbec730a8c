import { createLogger, createMemoryBroker, SimulatedClock, statisticsLive } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createMetrics } from '../../../gateway/metrics.ts';
import { LiveStatistics } from '../../../gateway/statistics/live-statistics.ts';

const KERNEL = '0190b0c8-0000-7000-8000-000000000001';
const logger = createLogger({ name: 'test', level: 'silent' });

function metric(current: string) {
  return { current, capacity: '1000', pct: '1.00', unit_hint: 'percent' as const };
}

class Stage {
  readonly clock = new SimulatedClock(1_000_000);
  readonly live = createMemoryBroker({ clock: this.clock }).connect().live;
  readonly statistics = new LiveStatistics({ live: this.live, clock: this.clock, logger });
  readonly stop = new AbortController();
  readonly done = this.statistics.run(this.stop.signal);

  async say(body: unknown): Promise<void> {
    this.live.publish(statisticsLive.of('node-a'), body);
    await this.clock.advance(1);
  }

  sayKernel(current: string): Promise<void> {
    const kernels = { [KERNEL]: { cpu_util: metric(current) } };
    return this.say({ of: 'kernels', node: 'node-a', atMs: 5, kernels });
  }
}

const test = suite<{ stage: Stage }>('live statistics: what the gateway knows');
test.before.each((context) => {
  context.stage = new Stage();
});
test.after.each(async ({ stage }) => {
  stage.stop.abort();
  await stage.clock.advance(1);
  await stage.done;
});

test('the newest measurement of a kernel and of a node', async ({ stage }) => {
  await stage.sayKernel('1');
  await stage.sayKernel('2');
  await stage.say({
    of: 'node',
    node: 'node-a',
    atMs: 5,
    metrics: { cpu_util: metric('3') },
    devices: { cpu_util: { 0: metric('4') } },
  });
  assert.is(stage.statistics.findKernel(KERNEL)?.metrics['cpu_util']?.current, '2');
  assert.is(stage.statistics.findNode('node-a')?.devices['cpu_util']?.['0']?.current, '4');
  assert.is(stage.statistics.findNode('node-b'), undefined);
});

test('Prometheus is told what is live, by kernel and by device, and nothing else', async ({
  stage,
}) => {
  const place = { sequence: 0 } as never;
  const { statistics } = stage;
  const { registry } = createMetrics({ feed: place, progress: place, statistics });
  await stage.sayKernel('7.5');
  const devices = { mem: { root: { ...metric('3'), capacity: null } } };
  await stage.say({ of: 'node', node: 'node-a', atMs: 5, metrics: {}, devices });
  const lines = async (): Promise<readonly string[]> =>
    (await registry.metrics()).split('\n').filter((line) => line.startsWith('backendai_'));
  const of = `container_metric_name="cpu_util",agent_id="node-a",kernel_id="${KERNEL}"`;
  assert.equal(await lines(), [
    `backendai_container_utilization{${of},value_type="current"} 7.5`,
    `backendai_container_utilization{${of},value_type="capacity"} 1000`,
    'backendai_device_utilization{device_metric_name="mem",agent_id="node-a",device_id="root",value_type="current"} 3',
  ]);
  await stage.clock.advance(121_000);
  assert.equal(await lines(), []);
});

test('what was not told for two minutes is not live any more, and is forgotten', async ({
  stage,
}) => {
  await stage.sayKernel('1');
  await stage.clock.advance(119_000);
  assert.ok(stage.statistics.findKernel(KERNEL));
  await stage.clock.advance(2_000);
  assert.is(stage.statistics.findKernel(KERNEL), undefined);
});

test('a listener is told until it leaves', async ({ stage }) => {
  const heard: string[] = [];
  const listening = stage.statistics.onKernel(KERNEL, ({ metrics }) =>
    heard.push(metrics['cpu_util']?.current ?? ''),
  );
  await stage.sayKernel('1');
  await stage.sayKernel('2');
  listening[Symbol.dispose]();
  await stage.sayKernel('3');
  assert.equal(heard, ['1', '2']);
});

test('nonsense is passed over', async ({ stage }) => {
  await stage.say({ of: 'kernels', node: 'node-a', atMs: 'soon' });
  await stage.say('nonsense');
  await stage.sayKernel('1');
  assert.is(stage.statistics.findKernel(KERNEL)?.metrics['cpu_util']?.current, '1');
});

test.run();
