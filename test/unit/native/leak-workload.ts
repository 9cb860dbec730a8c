import { Worker } from 'node:worker_threads';
import { openNvml } from '../../../native/index.ts';
import { loadAddon, type NvmlLibrary } from '../../../native/nvml/addon.ts';
import { openStub, playScenario, stubPath, within } from './stub-scenario.ts';

/** Run by leak.test.ts under the address sanitizer, with the addon it compiled as the first argument. */
const addonPath = process.argv[2] ?? '';
const READINGS = 200;

const scenarios = [
  [],
  ['devices 8', 'processes 0 1000', 'answer nvmlDeviceGetTemperature 999'],
  ['devices 2', 'answer nvmlDeviceGetUUID 15 1', 'answer nvmlDeviceGetPowerUsage 15 0'],
  ['processes 0 4097'],
  ['devices 4', 'link 0 1', 'link 2 3', 'instance 3 1g.18gb 1 19327352832', 'event 1 8 79'],
  ['answer nvmlEventSetWait_v2 15', 'answer nvmlDeviceGetMigMode 999'],
  ['answer nvmlDeviceGetCount_v2 999'],
];

for (const scenario of scenarios) {
  await using nvml = await openStub(scenario, { addonPath });
  for (let count = 0; count < READINGS; count += 1) {
    await nvml.readDevices(within()).catch(() => undefined);
    await nvml.readTopology(within()).catch(() => undefined);
  }
  const told = nvml.watchEvents(within(50))[Symbol.asyncIterator]();
  await told.next().catch(() => undefined);
}
await openNvml({ addonPath, libraryPath: 'libm.so.6' }, within());
await openNvml({ addonPath, libraryPath: 'libnowhere-ml.so.1' }, within());
playScenario('answer nvmlInitWithFlags 9');
await openNvml({ addonPath, libraryPath: stubPath }, within());

const forgotten = await openStub(['devices 8'], { addonPath });
await forgotten.readDevices(within());

const index = new URL('../../../native/index.ts', import.meta.url).href;
const worker = new Worker(
  `import(${JSON.stringify(index)}).then(async ({ openNvml }) => {
    const { parentPort, workerData } = await import('node:worker_threads');
    const signal = AbortSignal.timeout(5_000);
    const { nvml } = await openNvml(workerData, signal);
    parentPort.postMessage('reading');
    for (;;) await nvml.readDevices(signal);
  });`,
  { eval: true, workerData: { addonPath, libraryPath: stubPath } },
);
await new Promise((resolve) => worker.once('message', resolve));
await worker.terminate();

/** A library nobody closed must be collectable after its calls, or every reopening would keep one more. */
async function abandonLibrary(): Promise<WeakRef<NvmlLibrary>> {
  const addon = loadAddon(addonPath);
  const opening = await addon.open(stubPath, '/nowhere');
  if (opening.outcome !== 'opened') throw new Error(opening.reason);
  for (let count = 0; count < 10; count += 1) await addon.readDevices(opening.library);
  return new WeakRef(opening.library);
}

playScenario('devices 8');
const abandoned = await abandonLibrary();
for (let turn = 0; turn < 20 && abandoned.deref() !== undefined; turn += 1) {
  await new Promise((resolve) => setImmediate(resolve));
  globalThis.gc?.();
}
if (abandoned.deref() !== undefined) throw new Error('a library nobody closed is never collected');
process.stdout.write('workload done\n');
