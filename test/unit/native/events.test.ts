import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type GpuEvent,
  type Nvml,
  NvmlClosed,
  NvmlFailed,
  NvmlWatched,
} from '../../../native/index.ts';
import { build, openStub, within } from './stub-scenario.ts';

const events = suite('nvml: events');

/** The first `count` events, or all of them if the iterator ends before. */
async function take(nvml: Nvml, count: number): Promise<readonly GpuEvent[]> {
  const taken: GpuEvent[] = [];
  for await (const event of nvml.watchEvents(within())) {
    taken.push(event);
    if (taken.length === count) break;
  }
  return taken;
}

events('critical errors and memory errors are told with their device and number', async () => {
  await using nvml = await openStub(['devices 2', 'event 1 8 79', 'event 0 2 0']);
  assert.equal(await take(nvml, 2), [
    { uuid: 'GPU-00000000-0000-0000-0000-000000000001', kind: 'xid', xid: 79 },
    { uuid: 'GPU-00000000-0000-0000-0000-000000000000', kind: 'ecc-uncorrected' },
  ]);
});

events('an event that comes later is told while readings go on', async () => {
  await using nvml = await openStub(['after 2', 'event 0 8 31']);
  const told = take(nvml, 1);
  await nvml.readDevices(within());
  await nvml.readDevices(within());
  assert.is((await told)[0]?.xid, 31);
});

events('a kind nobody asked for is passed over', async () => {
  await using nvml = await openStub(['event 0 16 1', 'event 0 8 48']);
  assert.equal(
    (await take(nvml, 1)).map(({ xid }) => xid),
    [48],
  );
});

events('a driver without events ends the iterator at once', async () => {
  for (const scenario of [
    ['answer nvmlEventSetCreate 3'],
    ['answer nvmlDeviceGetSupportedEventTypes 3'],
    ['devices 0'],
  ]) {
    await using nvml = await openStub(scenario);
    assert.equal(await take(nvml, 1), []);
  }
});

events('a driver that goes away fails the iterator, and another may be begun', async () => {
  await using nvml = await openStub(['answer nvmlEventSetWait_v2 15']);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    assert.instance(await take(nvml, 1).catch((error: unknown) => error), NvmlFailed);
  }
});

events('a second iterator beside the first is refused', async () => {
  await using nvml = await openStub([]);
  const stop = new AbortController();
  const first = nvml.watchEvents(stop.signal)[Symbol.asyncIterator]().next();
  assert.instance(await take(nvml, 1).catch((error: unknown) => error), NvmlWatched);
  stop.abort();
  assert.is((await first).done, true);
});

events('disposal ends the iterator', async () => {
  const nvml = await openStub([]);
  const told = take(nvml, 1).catch((error: unknown) => error);
  await nvml[Symbol.asyncDispose]();
  assert.instance(await told, NvmlClosed);
});

if (build.isBuilt) events.run();
