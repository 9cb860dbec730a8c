import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { GpuDevice, NvmlAvailability } from '../../../native/index.ts';
import { NvmlFailed, openNvml } from '../../../native/index.ts';
import {
  build,
  openStub,
  pciDevicesWithNode,
  playScenario,
  stubPath,
  within,
} from './stub-scenario.ts';

const availability = suite('nvml: availability');

function reasonOf(availability: NvmlAvailability): string {
  return availability.isAvailable ? 'available' : availability.reason;
}

availability('an addon nobody built is told, not thrown', async () => {
  const answer = await openNvml({ addonPath: '/nowhere/nvml.node' }, within());
  assert.is(reasonOf(answer), 'addon-not-built');
});

availability('a machine without the driver library has no NVML', async () => {
  const answer = await openNvml({ libraryPath: 'libnowhere-ml.so.1' }, within());
  assert.is(reasonOf(answer), 'library-missing');
  assert.match(answer.isAvailable ? '' : answer.explanation, 'libnowhere-ml.so.1');
});

availability('a library that is something else is not called', async () => {
  const answer = await openNvml({ libraryPath: 'libm.so.6' }, within());
  assert.is(reasonOf(answer), 'library-unusable');
});

availability('a driver that does not start is told in its own words', async () => {
  playScenario('answer nvmlInitWithFlags 9');
  const answer = await openNvml({ libraryPath: stubPath }, within());
  assert.equal(answer, {
    isAvailable: false,
    reason: 'init-failed',
    explanation: 'Driver Not Loaded',
  });
});

availability('a driver too old to take flags is started without them', async () => {
  const nvml = await openStub(['answer nvmlInitWithFlags 13', 'devices 2']);
  assert.is((await nvml.readDevices(within())).devices.length, 2);
  await nvml[Symbol.asyncDispose]();
});

availability('a misspelt scenario of the stub is seen', async () => {
  playScenario('devises 2');
  assert.is(reasonOf(await openNvml({ libraryPath: stubPath }, within())), 'init-failed');
});

availability('the environment may name another library', async () => {
  playScenario('devices 3');
  process.env['ORRERY_NVML_LIBRARY'] = stubPath;
  const answer = await openNvml({}, within());
  process.env['ORRERY_NVML_LIBRARY'] = '';
  if (!answer.isAvailable) throw new Error(answer.explanation);
  assert.is((await answer.nvml.readDevices(within())).devices.length, 3);
  await answer.nvml[Symbol.asyncDispose]();
});

availability('the versions of driver, NVML and CUDA are read once', async () => {
  await using nvml = await openStub(['driver 570.1']);
  assert.equal(nvml.versions, { driver: '570.1', nvml: '12.570.1', cuda: '12.4' });
});

availability('a version that is not told is null', async () => {
  await using nvml = await openStub([
    'answer nvmlSystemGetDriverVersion 3',
    'answer nvmlSystemGetNVMLVersion 999',
    'answer nvmlSystemGetCudaDriverVersion_v2 13',
  ]);
  assert.equal(nvml.versions, { driver: null, nvml: null, cuda: null });
});

const reading = suite('nvml: reading');

async function readAll(...scenario: readonly string[]) {
  await using nvml = await openStub(scenario);
  return await nvml.readDevices(within());
}

async function readFirst(...scenario: readonly string[]): Promise<GpuDevice> {
  const [first] = (await readAll(...scenario)).devices;
  if (first === undefined) throw new Error('no device was read');
  return first;
}

reading('a driver without a GPU has an empty list', async () => {
  assert.equal(await readAll('devices 0'), { devices: [], unreadable: [] });
});

reading('a healthy device tells everything', async () => {
  assert.equal(await readFirst('process 0 4242 1073741824', 'process 0 4243 -1'), {
    index: 0,
    uuid: 'GPU-00000000-0000-0000-0000-000000000000',
    name: 'Orrery Stub GPU',
    pciBusId: '00fe:3b:00.0',
    numaNode: 0,
    computeCapability: '9.0',
    migMode: 'disabled',
    memoryTotalBytes: 80 * 2 ** 30,
    memoryUsedBytes: 5 * 2 ** 30,
    memoryFreeBytes: 74 * 2 ** 30,
    gpuUtilisationPercent: 10,
    memoryUtilisationPercent: 5,
    temperatureCelsius: 40,
    powerMilliwatts: 120_500,
    powerLimitMilliwatts: 700_000,
    processes: [
      { pid: 4242, memoryUsedBytes: 2 ** 30 },
      { pid: 4243, memoryUsedBytes: null },
    ],
    faults: [],
  });
});

reading('eight devices keep their order, their identity and their own processes', async () => {
  const { devices } = await readAll('devices 8', 'process 5 77 1', 'process 6 78 2');
  assert.equal(
    devices.map((device) => device.index),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
  assert.is(new Set(devices.map((device) => device.uuid)).size, 8);
  assert.is(new Set(devices.map((device) => device.pciBusId)).size, 8);
  assert.equal(
    devices.map((device) => device.numaNode),
    [0, 0, 0, 0, 1, 1, 1, 1],
  );
  assert.equal(
    devices.flatMap((device) => device.processes?.map((process) => process.pid) ?? []),
    [77, 78],
  );
});

const optionalCalls = {
  nvmlDeviceGetName: ['name'],
  nvmlDeviceGetPciInfo_v3: ['pciBusId'],
  nvmlDeviceGetMemoryAffinity: ['numaNode'],
  nvmlDeviceGetCudaComputeCapability: ['computeCapability'],
  nvmlDeviceGetMigMode: ['migMode'],
  nvmlDeviceGetMemoryInfo_v2: ['memoryFreeBytes', 'memoryTotalBytes', 'memoryUsedBytes'],
  nvmlDeviceGetUtilizationRates: ['gpuUtilisationPercent', 'memoryUtilisationPercent'],
  nvmlDeviceGetTemperature: ['temperatureCelsius'],
  nvmlDeviceGetPowerUsage: ['powerMilliwatts'],
  nvmlDeviceGetEnforcedPowerLimit: ['powerLimitMilliwatts'],
  nvmlDeviceGetComputeRunningProcesses_v3: ['processes'],
};

function unknownFields(device: GpuDevice): readonly string[] {
  return Object.entries(device)
    .filter(([, value]) => value === null)
    .map(([name]) => name)
    .sort();
}

for (const [call, fields] of Object.entries(optionalCalls)) {
  reading(`a device that does not support ${call} is whole but for ${fields}`, async () => {
    const device = await readFirst(`answer ${call} 3`);
    assert.equal(unknownFields(device), fields);
    assert.equal(device.faults, []);
  });

  reading(`a refusal of ${call} is kept beside what was read`, async () => {
    const { devices } = await readAll('devices 2', `answer ${call} 999 1`);
    assert.equal(
      devices.map((device) => unknownFields(device)),
      [[], fields],
    );
    assert.equal(devices[0]?.faults, []);
    assert.equal(devices[1]?.faults, [{ call, status: 999, reason: 'Unknown Error' }]);
  });
}

reading('a device that supports nothing still has its identity', async () => {
  const device = await readFirst(...Object.keys(optionalCalls).map((call) => `answer ${call} 3`));
  assert.is(device.uuid, 'GPU-00000000-0000-0000-0000-000000000000');
  assert.equal(unknownFields(device), Object.values(optionalCalls).flat().sort());
  assert.equal(device.faults, []);
});

reading('a driver without the newer memory call is asked the older one', async () => {
  const device = await readFirst('answer nvmlDeviceGetMemoryInfo_v2 13');
  assert.is(device.memoryTotalBytes, 80 * 2 ** 30);
  assert.is(device.memoryUsedBytes, 6 * 2 ** 30);
});

for (const call of ['nvmlDeviceGetHandleByIndex_v2', 'nvmlDeviceGetTemperature']) {
  reading(`a GPU lost at ${call} is unreadable and the others are not`, async () => {
    const { devices, unreadable } = await readAll('devices 3', `answer ${call} 15 1`);
    assert.equal(
      devices.map((device) => device.index),
      [0, 2],
    );
    assert.equal(unreadable, [{ index: 1, call, status: 15, reason: 'GPU is lost' }]);
  });
}

reading(
  'a driver that cannot count its devices fails the reading, and the next may succeed',
  async () => {
    await using nvml = await openStub(['answer nvmlDeviceGetCount_v2 999']);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const failure = await nvml.readDevices(within()).catch((error: unknown) => error);
      assert.instance(failure, NvmlFailed);
      assert.match(String(failure), 'nvmlDeviceGetCount_v2: Unknown Error');
    }
  },
);

reading('64 devices are read and 65 are refused by number', async () => {
  assert.is((await readAll('devices 64')).devices.length, 64);
  const failure = await readAll('devices 65').catch((error: unknown) => error);
  assert.match(String(failure), '65 devices; 64 is the limit');
});

reading('4096 processes are listed, and of more the device says that it cannot', async () => {
  const device = await readFirst('processes 0 4096');
  assert.is(new Set(device.processes?.map((process) => process.pid)).size, 4096);
  const crowded = await readFirst('processes 0 4097');
  assert.is(crowded.processes, null);
  assert.is(crowded.faults[0]?.reason, 'Insufficient Size');
});

reading('a device in MIG mode says so and has no utilisation of its own', async () => {
  const device = await readFirst('mig 0');
  assert.is(device.migMode, 'enabled');
  assert.is(device.gpuUtilisationPercent, null);
});

reading("the kernel's NUMA node goes before the driver's, unless it has none", async () => {
  for (const [told, numaNode] of [[3, 3] as const, [-1, 0] as const]) {
    await using nvml = await openStub([], { pciDevicesPath: pciDevicesWithNode(told) });
    assert.is((await nvml.readDevices(within())).devices[0]?.numaNode, numaNode);
  }
});

if (build.isBuilt) {
  availability.run();
  reading.run();
}
