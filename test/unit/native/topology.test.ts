import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NvmlClosed, NvmlFailed } from '../../../native/index.ts';
import { build, openStub, within } from './stub-scenario.ts';

const topology = suite('nvml: topology');

topology('two devices that are linked name each other', async () => {
  await using nvml = await openStub(['devices 2', 'link 0 1', 'link 0 1']);
  const { links } = await nvml.readTopology(within());
  assert.equal(links, [
    { device: 0, link: 0, remotePciBusId: '00fe:3c:00.0' },
    { device: 0, link: 1, remotePciBusId: '00fe:3c:00.0' },
    { device: 1, link: 0, remotePciBusId: '00fe:3b:00.0' },
    { device: 1, link: 1, remotePciBusId: '00fe:3b:00.0' },
  ]);
});

topology('every pair of devices has a common ancestor', async () => {
  await using nvml = await openStub(['devices 4']);
  const { pairs } = await nvml.readTopology(within());
  assert.equal(pairs, [
    { left: 0, right: 1, ancestor: 'host-bridge' },
    { left: 0, right: 2, ancestor: 'system' },
    { left: 1, right: 2, ancestor: 'system' },
    { left: 0, right: 3, ancestor: 'system' },
    { left: 1, right: 3, ancestor: 'system' },
    { left: 2, right: 3, ancestor: 'host-bridge' },
  ]);
});

topology(
  'a driver that knows no links, a lost device and no device at all leave it empty',
  async () => {
    for (const scenario of [
      [
        'devices 2',
        'answer nvmlDeviceGetNvLinkState 3',
        'answer nvmlDeviceGetTopologyCommonAncestor 3',
      ],
      ['devices 2', 'answer nvmlDeviceGetHandleByIndex_v2 15 1'],
      ['devices 0'],
    ]) {
      await using nvml = await openStub(scenario);
      assert.equal(await nvml.readTopology(within()), { links: [], pairs: [] });
    }
  },
);

topology('64 devices have 2,016 pairs', async () => {
  await using nvml = await openStub(['devices 64']);
  assert.is((await nvml.readTopology(within())).pairs.length, 2016);
});

topology(
  'a driver that cannot count its devices fails it, and it goes beside readings',
  async () => {
    await using nvml = await openStub(['devices 2', 'after 3', 'answer nvmlDeviceGetCount_v2 999']);
    const [{ pairs }, { devices }, again] = await Promise.all([
      nvml.readTopology(within()),
      nvml.readDevices(within()),
      nvml.readTopology(within()),
    ]);
    assert.is(pairs, again.pairs);
    assert.is(devices.length, 2);
    await nvml.readDevices(within());
    assert.instance(await nvml.readTopology(within()).catch((error: unknown) => error), NvmlFailed);
  },
);

topology('it is refused after disposal', async () => {
  const nvml = await openStub([]);
  await nvml[Symbol.asyncDispose]();
  assert.instance(await nvml.readTopology(within()).catch((error: unknown) => error), NvmlClosed);
});

if (build.isBuilt) topology.run();
