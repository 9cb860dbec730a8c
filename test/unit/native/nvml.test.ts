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
    minorNumber: 0,
    numaNode: 0,
    computeCapability: '9.0',
    migMode: 'disabled',
    eccMode: 'enabled',
    isMemoryShared: false,
    memoryTotalBytes: 80 * 2 ** 30,
    memoryUsedBytes: 5 * 2 ** 30,
    memoryFreeBytes: 74 * 2 ** 30,
    gpuUtilisationPercent: 10,
    memoryUtilisationPercent: 5,
    temperatureCelsius: 40,
    temperatureSlowdownCelsius: 87,
    temperatureShutdownCelsius: 92,
    powerMilliwatts: 120_500,
    powerLimitMilliwatts: 700_000,
    powerLimitMinMilliwatts: 200_000,
    powerLimitMaxMilliwatts: 700_000,
    energyMillijoules: 9_000_000_000,
    graphicsClockMhz: 345,
    graphicsClockMaxMhz: 1980,
    smClockMhz: 345,
    smClockMaxMhz: 1980,
    memoryClockMhz: 2619,
    memoryClockMaxMhz: 2619,
    throttleReasons: ['gpu-idle'],
    eccCorrectedErrors: 2,
    eccUncorrectedErrors: 0,
    eccCorrectedErrorsEver: 3,
    eccUncorrectedErrorsEver: 1,
    pcieGeneration: 4,
    pcieGenerationMax: 5,
    pcieWidth: 8,
    pcieWidthMax: 16,
    migDevices: [],
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
  nvmlDeviceGetUtilizationRates: ['gpuUtilisationPercent', 'memoryUtilisationPercent'],
  nvmlDeviceGetTemperature: ['temperatureCelsius'],
  nvmlDeviceGetPowerUsage: ['powerMilliwatts'],
  nvmlDeviceGetEnforcedPowerLimit: ['powerLimitMilliwatts'],
  nvmlDeviceGetPowerManagementLimitConstraints: [
    'powerLimitMaxMilliwatts',
    'powerLimitMinMilliwatts',
  ],
  nvmlDeviceGetTotalEnergyConsumption: ['energyMillijoules'],
  nvmlDeviceGetCurrentClocksThrottleReasons: ['throttleReasons'],
  nvmlDeviceGetEccMode: [
    'eccCorrectedErrors',
    'eccCorrectedErrorsEver',
    'eccMode',
    'eccUncorrectedErrors',
    'eccUncorrectedErrorsEver',
  ],
  nvmlDeviceGetCurrPcieLinkGeneration: ['pcieGeneration'],
  nvmlDeviceGetMaxPcieLinkGeneration: ['pcieGenerationMax'],
  nvmlDeviceGetCurrPcieLinkWidth: ['pcieWidth'],
  nvmlDeviceGetMaxPcieLinkWidth: ['pcieWidthMax'],
  nvmlDeviceGetMinorNumber: ['minorNumber'],
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

const CALLS_PER_FIELDS = {
  nvmlDeviceGetTemperatureThreshold: ['temperatureShutdownCelsius', 'temperatureSlowdownCelsius'],
  nvmlDeviceGetClockInfo: ['graphicsClockMhz', 'memoryClockMhz', 'smClockMhz'],
  nvmlDeviceGetMaxClockInfo: ['graphicsClockMaxMhz', 'memoryClockMaxMhz', 'smClockMaxMhz'],
  nvmlDeviceGetTotalEccErrors: [
    'eccCorrectedErrors',
    'eccCorrectedErrorsEver',
    'eccUncorrectedErrors',
    'eccUncorrectedErrorsEver',
  ],
};

for (const [call, fields] of Object.entries(CALLS_PER_FIELDS)) {
  reading(`each refusal of ${call}, which is called for several fields, is kept`, async () => {
    assert.equal(unknownFields(await readFirst(`answer ${call} 3`)), fields);
    const refused = await readFirst(`answer ${call} 999`);
    assert.equal(unknownFields(refused), fields);
    assert.is(refused.faults.length, fields.length);
  });
}

reading('a device without memory of its own is told with the memory of the system', async () => {
  const systemMemory = () => ({ totalBytes: 128 * 2 ** 30, freeBytes: 100 * 2 ** 30 });
  await using nvml = await openStub(['answer nvmlDeviceGetMemoryInfo_v2 3'], { systemMemory });
  const [device] = (await nvml.readDevices(within())).devices;
  assert.is(device?.isMemoryShared, true);
  assert.is(device?.memoryTotalBytes, 128 * 2 ** 30);
  assert.is(device?.memoryUsedBytes, 28 * 2 ** 30);
  assert.equal(device?.faults, []);
});

reading(
  'memory that the driver refuses to tell is unknown, and not the memory of the system',
  async () => {
    const device = await readFirst('answer nvmlDeviceGetMemoryInfo_v2 999');
    assert.equal(unknownFields(device), ['memoryFreeBytes', 'memoryTotalBytes', 'memoryUsedBytes']);
    assert.is(device.isMemoryShared, false);
    assert.is(device.faults[0]?.call, 'nvmlDeviceGetMemoryInfo_v2');
  },
);

reading('a device in MIG mode lists its instances with their shares', async () => {
  const device = await readFirst(
    'instance 0 1g.18gb 1 19327352832',
    'instance 0 3g.71gb 3 76235669504',
  );
  assert.is(device.migMode, 'enabled');
  assert.equal(device.migDevices, [
    {
      uuid: 'MIG-00000000-0000-0000-0000-000000000000',
      name: 'Orrery Stub GPU MIG 1g.18gb',
      gpuInstanceId: 7,
      computeInstanceId: 0,
      multiprocessors: 16,
      gpuInstanceSlices: 1,
      computeInstanceSlices: 1,
      memoryTotalBytes: 18 * 2 ** 30,
      memoryUsedBytes: 64 * 2 ** 20,
    },
    {
      uuid: 'MIG-00000000-0000-0000-0000-000000000001',
      name: 'Orrery Stub GPU MIG 3g.71gb',
      gpuInstanceId: 8,
      computeInstanceId: 0,
      multiprocessors: 48,
      gpuInstanceSlices: 3,
      computeInstanceSlices: 3,
      memoryTotalBytes: 71 * 2 ** 30,
      memoryUsedBytes: 64 * 2 ** 20,
    },
  ]);
});

reading(
  'a GPU that is pulled out is gone from the next reading, and is back in the one after',
  async () => {
    await using nvml = await openStub([
      'devices 2',
      'after 1',
      'devices 1',
      'after 2',
      'devices 2',
    ]);
    const counts: number[] = [];
    for (let look = 0; look < 3; look += 1) {
      counts.push((await nvml.readDevices(within())).devices.length);
    }
    assert.equal(counts, [2, 1, 2]);
  },
);

reading('a driver that restarts fails readings until NVML is opened anew', async () => {
  const restart = ['after 1', 'answer nvmlDeviceGetCount_v2 1'];
  const nvml = await openStub(['driver 570.1', ...restart]);
  assert.is((await nvml.readDevices(within())).devices.length, 1);
  const failure = await nvml.readDevices(within()).catch((error: unknown) => error);
  assert.instance(failure, NvmlFailed);
  assert.is((failure as NvmlFailed).isRetryable, true);
  await nvml[Symbol.asyncDispose]();
  await using anew = await openStub(['driver 580.2']);
  assert.is((await anew.readDevices(within())).devices.length, 1);
  assert.is(anew.versions.driver, '580.2');
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
