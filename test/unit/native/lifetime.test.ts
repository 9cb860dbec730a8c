import { createRequire } from 'node:module';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NvmlClosed, NvmlHung } from '../../../native/index.ts';
import { build, openStub, playScenario, stubPath, within } from './stub-scenario.ts';

const lifetime = suite('nvml: lifetime');

lifetime('callers at the same time share one reading, later ones get a new one', async () => {
  await using nvml = await openStub(['devices 8']);
  const [first, second] = await Promise.all([
    nvml.readDevices(within()),
    nvml.readDevices(within()),
  ]);
  assert.is(first, second);
  assert.is.not(await nvml.readDevices(within()), first);
});

lifetime('a signal frees the caller of a driver that hangs', async () => {
  await using nvml = await openStub(['delay nvmlDeviceGetTemperature 200']);
  const impatient = nvml.readDevices(within(20)).catch((error: unknown) => error);
  const patient = nvml.readDevices(within());
  assert.is((await impatient) instanceof DOMException, true);
  assert.is((await patient).devices.length, 1);
});

lifetime('a signal that fired before asks nothing', async () => {
  await using nvml = await openStub([]);
  const reason = new Error('too late');
  assert.is(
    await nvml.readDevices(AbortSignal.abort(reason)).catch((error: unknown) => error),
    reason,
  );
});

lifetime('the main thread goes on while the driver is slow', async () => {
  await using nvml = await openStub(['delay nvmlDeviceGetTemperature 200']);
  let isRead = false;
  const reading = nvml.readDevices(within()).then(() => {
    isRead = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(isRead, false);
  await reading;
});

lifetime('disposal waits for the reading under way, and is final', async () => {
  const nvml = await openStub(['delay nvmlDeviceGetTemperature 100']);
  const reading = nvml.readDevices(within());
  await nvml[Symbol.asyncDispose]();
  assert.is((await reading).devices.length, 1);
  await nvml[Symbol.asyncDispose]();
  assert.instance(await nvml.readDevices(within()).catch((error: unknown) => error), NvmlClosed);
});

lifetime('disposal of a driver that hangs ends with its limit', async () => {
  const nvml = await openStub(['delay nvmlDeviceGetTemperature 200'], { closeTimeoutMs: 20 });
  const reading = nvml.readDevices(within());
  const failure = await Promise.resolve(nvml[Symbol.asyncDispose]()).catch(
    (error: unknown) => error,
  );
  assert.instance(failure, NvmlHung);
  await reading;
});

lifetime('a library opened again plays the world as it is by then', async () => {
  for (const count of [1, 8, 0]) {
    await using nvml = await openStub([`devices ${count}`]);
    assert.is((await nvml.readDevices(within())).devices.length, count);
  }
});

const addonArguments = suite('addon: arguments');

type AddonCall = (...words: readonly unknown[]) => Promise<{ readonly library: unknown }>;
type AddonCalls = {
  readonly [call in 'open' | 'readDevices' | 'readTopology' | 'waitForEvent' | 'close']: AddonCall;
};

function requireAddon(): AddonCalls {
  return createRequire(import.meta.url)(build.isBuilt ? build.addonPath : '');
}

addonArguments('what is not two paths is refused before anything is loaded', () => {
  const { open } = requireAddon();
  const long = 'x'.repeat(4096);
  for (const words of [
    [],
    ['a'],
    ['a', 'b', 'c'],
    [1, 'b'],
    ['a', null],
    [{}, 'b'],
    ['a', ['b']],
  ]) {
    assert.throws(
      () => open(...words),
      (error: unknown) => error instanceof TypeError,
    );
  }
  for (const words of [
    ['', 'b'],
    ['a', ''],
    [long, 'b'],
    ['a', long],
    ['a\0b', 'b'],
  ]) {
    assert.throws(
      () => open(...words),
      (error: unknown) => error instanceof RangeError,
    );
  }
});

addonArguments('what open did not give is no library', () => {
  const { readDevices, close } = requireAddon();
  for (const words of [
    [],
    [undefined],
    [null],
    [1],
    ['x'],
    [{}],
    [Object.create(null)],
    [{}, {}],
  ]) {
    assert.throws(
      () => readDevices(...words),
      (error: unknown) => error instanceof TypeError,
    );
    assert.throws(
      () => close(...words),
      (error: unknown) => error instanceof TypeError,
    );
  }
});

addonArguments('a wait takes a library and a whole time of up to ten seconds', async () => {
  playScenario('devices 1');
  const { open, waitForEvent, close } = requireAddon();
  const { library } = await open(stubPath, '/sys/bus/pci/devices');
  for (const words of [[], [library], [library, '1'], [library, null], [{}, 1], [library, 1, 1]]) {
    assert.throws(
      () => waitForEvent(...words),
      (error: unknown) => error instanceof TypeError,
    );
  }
  for (const timeoutMs of [-1, 10_001, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(
      () => waitForEvent(library, timeoutMs),
      (error: unknown) => error instanceof RangeError,
    );
  }
  const wait = waitForEvent(library, 20);
  assert.throws(() => waitForEvent(library, 0), 'under way');
  assert.throws(() => close(library), 'under way');
  assert.equal(await wait, { outcome: 'none' });
  await close(library);
  assert.throws(() => waitForEvent(library, 0), 'closed');
});

addonArguments('a library takes one call at a time, and none after it is closed', async () => {
  playScenario('devices 1');
  const { open, readDevices, close } = requireAddon();
  const { library } = await open(stubPath, '/sys/bus/pci/devices');
  const reading = readDevices(library);
  assert.throws(() => readDevices(library), 'under way');
  assert.throws(() => close(library), 'under way');
  await reading;
  await close(library);
  assert.throws(() => readDevices(library), 'closed');
  assert.throws(() => close(library), 'closed');
});

if (build.isBuilt) {
  lifetime.run();
  addonArguments.run();
}
