import { createLogger } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ContainerWillNotStop, EngineUnavailable } from '../../../../actors/agent/errors.ts';
import { KernelStops } from '../../../../actors/agent/kernel-stops.ts';
import { NodeTroubles } from '../../../../actors/agent/node-troubles.ts';
import { SimulatedDriver } from '../../../../actors/agent/simulated/simulated-driver.ts';
import {
  diskShortage,
  engineSilence,
  memoryShortage,
} from '../../../../actors/agent/trouble-sources.ts';
import { SimulatedClock } from '../../../../bus/memory/simulated-clock.ts';

const KERNEL = '0b9f2a52-3a3e-4b0e-9d5a-2f6f0f3f8a01';
const MEBIBYTE = 1024 * 1024;
const logger = createLogger({ name: 'test', level: 'silent' });
const never = new AbortController().signal;

const sources = suite('agent: what can go wrong on a node');

sources(
  'an engine counts as silent after 20 s without an answer, and not after the first',
  async () => {
    const clock = new SimulatedClock(1_000_000);
    let isThere = false;
    const answer = () => (isThere ? Promise.resolve() : Promise.reject(new Error('it hangs')));
    const source = engineSilence({ answer }, clock);
    assert.is(await source.look(never), undefined);
    await clock.advance(19_999);
    assert.is(await source.look(never), undefined);
    await clock.advance(1);
    assert.is((await source.look(never))?.code, 'engine-silent');
    isThere = true;
    assert.is(await source.look(never), undefined);
  },
);

sources(
  'a disk is short until it has clearly more again, so that nothing goes to and fro',
  async () => {
    let space = { freeBytes: 900 * MEBIBYTE, totalBytes: 1024 ** 4 };
    const source = diskShortage(['/a', '/b'], async (path) => (path === '/a' ? space : undefined));
    const isShort = async (mebibytes: number, total = space.totalBytes): Promise<boolean> => {
      space = { freeBytes: mebibytes * MEBIBYTE, totalBytes: total };
      return (await source.look(never)) !== undefined;
    };
    assert.is(await isShort(600), false);
    assert.is(await isShort(511), true);
    assert.is(await isShort(700), true);
    assert.match((await source.look(never))?.message ?? '', '/a');
    assert.is(await isShort(768), false);
    assert.is(await isShort(26, 500 * MEBIBYTE), false, 'a small disk');
    assert.is(await isShort(24, 500 * MEBIBYTE), true);
  },
);

sources('memory is short below 2 %, until there are 5 % again', async () => {
  let share = 0.5;
  const source = memoryShortage(() => share);
  const isShort = async (now: number): Promise<boolean> => {
    share = now;
    return (await source.look(never)) !== undefined;
  };
  assert.equal(
    [await isShort(0.021), await isShort(0.019), await isShort(0.04), await isShort(0.05)],
    [false, true, true, false],
  );
});

sources.run();

const troubles = suite('agent: what is told of troubles');

troubles('what lasts is told once, with the time at which it began', async () => {
  const clock = new SimulatedClock(1_000_000);
  const node = new NodeTroubles({ clock, logger });
  let news = 0;
  const listen = async (): Promise<void> => {
    await node.news();
    news += 1;
    await listen();
  };
  void listen();
  const stop = new AbortController();
  let isWell = true;
  const code = 'disk-short' as const;
  const look = async () => (isWell ? undefined : { code, message: 'it is full' });
  const watching = node.watch([{ code, look }], stop.signal);
  await clock.advance(20_000);
  assert.equal([node.all, news], [[], 0]);
  isWell = false;
  await clock.advance(60_000);
  assert.equal([node.all, news], [[{ code, message: 'it is full', sinceMs: 1_025_000 }], 1]);
  isWell = true;
  await clock.advance(5_000);
  assert.equal([node.all, news], [[], 2]);
  stop.abort();
  await watching;
});

troubles.run();

const stops = suite('agent: kernels that will not end');

async function stopping(failure: Error) {
  const clock = new SimulatedClock(1_000_000);
  const node = new NodeTroubles({ clock, logger });
  const driver = new SimulatedDriver({ clock });
  let doesEnd = false;
  driver.stop = async () => {
    if (!doesEnd) throw failure;
    return undefined;
  };
  const stop = new KernelStops({ driver, troubles: node, clock, logger });
  const ended = stop.stop({ kernel: KERNEL, graceMs: 3_000 }, never);
  return { clock, node, ended, end: () => (doesEnd = true) };
}

stops(
  'it is told with the reason while it goes on, and is well again when it has ended',
  async () => {
    const failure = new ContainerWillNotStop(KERNEL, 30_000);
    const { clock, node, ended, end } = await stopping(failure);
    await clock.advance(12_900);
    assert.equal(node.all, []);
    await clock.advance(200);
    const [told] = node.all;
    assert.equal([told?.code, told?.kernel], ['kernel-will-not-end', KERNEL]);
    assert.match(told?.message ?? '', failure.message);
    end();
    await clock.advance(5_000);
    await ended;
    assert.equal(node.all, []);
  },
);

stops('of an engine that does not answer nothing is said of the kernel', async () => {
  const { clock, node, ended, end } = await stopping(new EngineUnavailable('stopping'));
  await clock.advance(20_000);
  assert.equal(node.all, []);
  end();
  await clock.advance(5_000);
  await ended;
});

stops.run();
