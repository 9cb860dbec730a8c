import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildNvml } from '../../../native/build.ts';
import {
  type GpuDevice,
  type GpuReading,
  type GpuTopology,
  type Nvml,
  openNvml,
} from '../../../native/index.ts';

/** What the real driver of one machine with a GPU said; written anew there with ORRERY_WRITE_GOLDEN=1. */
interface Recorded {
  readonly versions: Nvml['versions'];
  readonly reading: GpuReading;
  readonly topology: GpuTopology;
}

const READINGS = 2000;
const GROWTH_BYTES_MAX = 16 * 1024 * 1024;
const recordedPath = fileURLToPath(new URL('../../golden/nvml-h200.json', import.meta.url));

await buildNvml();
const availability = await openNvml({}, AbortSignal.timeout(30_000));
const nvml = availability.isAvailable ? availability.nvml : undefined;

async function look(driver: Nvml): Promise<Recorded> {
  const signal = AbortSignal.timeout(30_000);
  const reading = await driver.readDevices(signal);
  return { versions: driver.versions, reading, topology: await driver.readTopology(signal) };
}

/** What holds for whatever a real driver says. */
function assertSound({ versions, reading, topology }: Recorded): void {
  assert.match(versions.driver ?? '', /^\d+\.\d+/);
  assert.match(versions.cuda ?? '', /^\d+\.\d+$/);
  assert.ok(reading.devices.length > 0);
  for (const device of reading.devices) assertSoundDevice(device);
  assert.is(new Set(reading.devices.map(({ uuid }) => uuid)).size, reading.devices.length);
  const count = reading.devices.length;
  assert.ok(topology.pairs.length <= (count * (count - 1)) / 2);
  for (const { device } of topology.links) assert.ok(device < count);
}

function assertSoundDevice(device: GpuDevice): void {
  assert.match(device.uuid, /^GPU-[0-9a-f-]{36}$/);
  assert.match(device.pciBusId ?? '', /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.0$/);
  assert.match(device.computeCapability ?? '', /^\d+\.\d$/);
  const { memoryTotalBytes, memoryUsedBytes, memoryFreeBytes } = device;
  assert.ok(memoryTotalBytes !== null && memoryTotalBytes > 2 ** 30);
  assert.ok((memoryUsedBytes ?? 0) + (memoryFreeBytes ?? 0) <= (memoryTotalBytes ?? 0));
  const percents = [device.gpuUtilisationPercent, device.memoryUtilisationPercent];
  for (const percent of percents) assert.ok(percent === null || (percent >= 0 && percent <= 100));
  assert.ok(device.temperatureCelsius === null || device.temperatureCelsius < 120);
  assert.ok((device.powerMilliwatts ?? 0) < 2_000_000);
  assert.ok((device.smClockMhz ?? 0) <= (device.smClockMaxMhz ?? Number.POSITIVE_INFINITY));
}

const recorded = suite('nvml: what a real driver said');

recorded('the recorded answer of a real driver is sound', () => {
  assertSound(JSON.parse(readFileSync(recordedPath, 'utf8')));
});

if (existsSync(recordedPath)) recorded.run();

const real = suite('nvml: the real driver');

real('what it says is sound, and nothing is refused', async () => {
  assert.ok(nvml);
  const now = await look(nvml);
  if (process.env['ORRERY_WRITE_GOLDEN'] === '1') {
    writeFileSync(recordedPath, `${JSON.stringify(now, undefined, 2)}\n`);
  }
  assertSound(now);
  for (const { faults } of now.reading.devices) assert.equal(faults, []);
});

real('identity, memory and driver are those that nvidia-smi tells', async () => {
  assert.ok(nvml);
  const { stdout } = await promisify(execFile)('nvidia-smi', [
    '--query-gpu=uuid,name,memory.total,driver_version,power.limit,compute_cap',
    '--format=csv,noheader,nounits',
  ]);
  const told = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(', '));
  const { devices } = await nvml.readDevices(AbortSignal.timeout(30_000));
  assert.equal(
    devices.map((device) => [
      device.uuid,
      device.name,
      String(Math.round((device.memoryTotalBytes ?? 0) / 2 ** 20)),
      nvml.versions.driver,
      ((device.powerLimitMilliwatts ?? 0) / 1000).toFixed(2),
      device.computeCapability,
    ]),
    told,
  );
});

real('the memory of the process is flat over many readings', async () => {
  assert.ok(nvml);
  const signal = AbortSignal.timeout(120_000);
  for (let count = 0; count < READINGS; count += 1) await nvml.readDevices(signal);
  const before = process.memoryUsage.rss();
  for (let count = 0; count < READINGS; count += 1) await nvml.readDevices(signal);
  assert.ok(process.memoryUsage.rss() - before < GROWTH_BYTES_MAX);
});

real('a wait for events ends with its signal', async () => {
  assert.ok(nvml);
  for await (const event of nvml.watchEvents(AbortSignal.timeout(1_000))) {
    assert.ok(event.kind);
  }
});

real.after(async () => {
  await nvml?.[Symbol.asyncDispose]();
});

if (nvml !== undefined) real.run();
else {
  const why = availability.isAvailable ? '' : availability.explanation;
  process.stdout.write(`native: the real driver is NOT TESTED here: ${why}\n`);
}
