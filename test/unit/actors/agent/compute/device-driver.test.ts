import { createLogger, DEFAULT_ACCELERATOR, systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceDriver } from '../../../../../actors/agent/compute/device-driver.ts';
import { MockPlugin } from '../../../../../actors/agent/compute/mock-plugin.ts';
import { NodeDevices } from '../../../../../actors/agent/compute/node-devices.ts';
import type { KernelContainer } from '../../../../../actors/agent/container-driver.ts';
import { EngineUnavailable } from '../../../../../actors/agent/errors.ts';
import { SimulatedDriver } from '../../../../../actors/agent/simulated/simulated-driver.ts';
import { kernelSpec, within } from '../../../../contract/driver/driver-bench.ts';
import { mockFile } from '../../../../contract/driver/mock-files.ts';

/** An engine whose answers a test can hold back, or refuse. */
class Engine extends SimulatedDriver {
  beforeList: () => Promise<void> = async () => undefined;
  isSilent = false;

  override async list(): Promise<readonly KernelContainer[]> {
    const found = await super.list();
    await this.beforeList();
    return found;
  }

  override async find(kernel: string): Promise<KernelContainer | undefined> {
    if (this.isSilent) throw new EngineUnavailable('looking');
    return super.find(kernel);
  }

  override async start(...given: Parameters<SimulatedDriver['start']>): Promise<KernelContainer> {
    if (this.isSilent) throw new EngineUnavailable('starting');
    return super.start(...given);
  }
}

async function open() {
  const engine = new Engine({ clock: systemClock });
  const plugins = [new MockPlugin(mockFile(2), DEFAULT_ACCELERATOR)];
  const logger = createLogger({ name: 'test', level: 'silent' });
  const parts = { order: ['cuda'], policy: 'interleaved' as const, reserved: {}, logger };
  const devices = await NodeDevices.open({ plugins, target: 'container', ...parts }, within());
  return { engine, devices, driver: new DeviceDriver(engine, devices) };
}

const spec = () =>
  kernelSpec('simulated', { sessionType: 'interactive', slots: { 'cuda.device': '1' } });
const start = (driver: DeviceDriver, kernel: ReturnType<typeof spec>) =>
  driver.start(kernel, { wishRevision: 1 }, within());

const test = suite('device driver');

test('nothing is given away before all containers were read', async () => {
  const { engine, driver } = await open();
  const order: string[] = [];
  const reading = Promise.withResolvers<void>();
  engine.beforeList = () => reading.promise;
  const listed = driver.list(within()).then(() => order.push('listed'));
  const started = start(driver, spec()).then(() => order.push('started'));
  reading.resolve();
  await Promise.all([listed, started]);
  assert.equal(order, ['listed', 'started']);
});

test('a kernel that is removed while containers are listed does not come back with its device', async () => {
  const { engine, devices, driver } = await open();
  const kernel = spec();
  await start(driver, kernel);
  engine.beforeList = () => driver.remove(kernel.kernel, within());
  await driver.list(within());
  assert.equal(devices.holders(), {});
});

test('a device stays with a kernel of which the engine says nothing, until a list says it is not there', async () => {
  const { engine, devices, driver } = await open();
  const kernel = spec();
  await driver.list(within());
  engine.isSilent = true;
  await start(driver, kernel).catch(() => undefined);
  assert.equal(Object.keys(devices.holders()), [kernel.kernel]);
  const before = devices.holders();
  await start(driver, kernel).catch(() => undefined);
  assert.equal(devices.holders(), before, 'tried again it is the same device');
  engine.isSilent = false;
  await driver.list(within());
  assert.equal(devices.holders(), {});
});

test('what a container holds is told with it', async () => {
  const { driver } = await open();
  const { devices } = await start(driver, spec());
  assert.equal(devices?.allocations, { 'cuda.device': { 'GPU-0': '1' } });
});

test.run();
