import {
  type ComputeSettings,
  DEFAULT_ACCELERATOR,
  DEFAULT_COMPUTE,
  type Logger,
  SettingsInvalid,
  type Slots,
} from '@orrery/bus';
import type { ContainerDriver, EngineCapacity } from '../container-driver.ts';
import type { ComputePlugin } from './compute-plugin.ts';
import { coresOf } from './cores.ts';
import { openCuda } from './cuda-plugin.ts';
import { readMockFile } from './mock-file.ts';
import { MockPlugin } from './mock-plugin.ts';
import { NodeDevices } from './node-devices.ts';
import { openRocm } from './rocm-plugin.ts';
import type { SystemPaths } from './rocm-topology.ts';
import { CpuPlugin, MemoryPlugin } from './system-plugins.ts';

type PluginName = NonNullable<ComputeSettings['plugins']>[number];

const NVIDIA_RUNTIME = 'nvidia';

export interface DevicesChoice {
  /** Undefined: none were written. */
  readonly settings: ComputeSettings | undefined;
  readonly driver: ContainerDriver['name'];
  readonly capacity: EngineCapacity;
  readonly reserved: Slots;
  readonly logger: Logger;
  /** Where AMD GPUs are looked for; absent: where the system shows them. */
  readonly rocmPaths?: SystemPaths | undefined;
}

/**
 * The devices of a node as its settings choose them; undefined where none are counted, as on simulated nodes that name
 * no plugins. @throws {SettingsInvalid}
 */
export async function openDevices(
  choice: DevicesChoice,
  signal: AbortSignal,
): Promise<NodeDevices | undefined> {
  const { settings = DEFAULT_COMPUTE, driver, capacity, reserved, logger } = choice;
  const names = pluginNames(settings, driver);
  if (names.size === 0) return undefined;
  const plugins: ComputePlugin[] = [];
  try {
    if (names.has('mock')) plugins.push(...mockPlugins(settings));
    if (names.has('cuda') && canUseCuda({ ...choice, settings, plugins })) {
      const onMissing = (why: string): void => tellMissing(logger, settings, why);
      const cuda = await openCuda(
        settings.accelerators['cuda'] ?? DEFAULT_ACCELERATOR,
        onMissing,
        signal,
      );
      if (cuda !== undefined) plugins.push(cuda);
    }
    if (names.has('rocm') && isReal('rocm', settings, plugins)) {
      const rocm = await findRocm({ ...choice, settings });
      if (rocm !== undefined) plugins.push(rocm);
    }
    checkNames(settings, plugins);
    const { cpuOvercommit: overcommit, isCpuPinned: isPinned, memoryOvercommit } = settings;
    plugins.unshift(
      new CpuPlugin(coresOf(capacity.cores), { overcommit, isPinned }),
      new MemoryPlugin(capacity.memoryBytes, memoryOvercommit),
    );
    const target = driver === 'process' ? 'process' : 'container';
    const { allocationOrder: order, affinity: policy } = settings;
    return await NodeDevices.open({ plugins, target, order, policy, reserved, logger }, signal);
  } catch (cause) {
    for (const plugin of plugins) await plugin[Symbol.asyncDispose]();
    throw cause;
  }
}

function pluginNames(
  { plugins, mockFiles }: ComputeSettings,
  driver: ContainerDriver['name'],
): ReadonlySet<PluginName> {
  const isPretending = mockFiles.length > 0;
  if (plugins?.includes('mock') === true && !isPretending)
    throw new SettingsInvalid('agent.compute.mockFiles names no file for the plugin mock');
  if (plugins !== undefined && !plugins.includes('mock') && isPretending)
    throw new SettingsInvalid(
      'agent.compute.mockFiles is given and agent.compute.plugins has no mock',
    );
  if (plugins !== undefined) return new Set(plugins);
  const real: readonly PluginName[] = driver === 'simulated' ? [] : ['cpu', 'mem', 'cuda', 'rocm'];
  return new Set([...real, ...(isPretending ? (['mock'] as const) : [])]);
}

function mockPlugins({ mockFiles, accelerators }: ComputeSettings): readonly ComputePlugin[] {
  return mockFiles.map((path) => {
    const file = readMockFile(path);
    return new MockPlugin(file, accelerators[file.slot_name] ?? DEFAULT_ACCELERATOR);
  });
}

/** Pretended devices stand in the place of real ones of the same name. */
function isReal(
  name: 'cuda' | 'rocm',
  settings: ComputeSettings,
  plugins: readonly ComputePlugin[],
): boolean {
  const isPretended = plugins.some(({ key }) => key === name);
  if (isPretended && settings.plugins?.includes(name) === true)
    throw new SettingsInvalid(
      `agent.compute.plugins has ${name}, and a mock file has the slot_name ${name}: one of them can be there`,
    );
  return !isPretended;
}

/** Few machines have one, so that it is worth a word only where it was asked for. */
async function findRocm(choice: {
  readonly settings: ComputeSettings;
  readonly logger: Logger;
  readonly rocmPaths?: SystemPaths | undefined;
}): Promise<ComputePlugin | undefined> {
  const { settings, logger, rocmPaths } = choice;
  const isAskedFor = settings.plugins?.includes('rocm') === true;
  const onMissing = (why: string): void =>
    logger[isAskedFor ? 'warn' : 'debug']({ why }, 'no AMD GPUs can be given to kernels');
  const accelerator = settings.accelerators['rocm'] ?? DEFAULT_ACCELERATOR;
  return await openRocm(accelerator, onMissing, rocmPaths);
}

function canUseCuda(parts: {
  readonly settings: ComputeSettings;
  readonly plugins: readonly ComputePlugin[];
  readonly driver: ContainerDriver['name'];
  readonly capacity: EngineCapacity;
  readonly logger: Logger;
}): boolean {
  const { settings, plugins, driver, capacity, logger } = parts;
  if (!isReal('cuda', settings, plugins)) return false;
  if (driver !== 'docker' || capacity.runtimes?.includes(NVIDIA_RUNTIME) === true) return true;
  tellMissing(logger, settings, 'the container engine has no runtime nvidia');
  return false;
}

/** A warning only where GPUs were asked for by name. */
function tellMissing(logger: Logger, { plugins }: ComputeSettings, why: string): void {
  const isAskedFor = plugins?.includes('cuda') === true;
  logger[isAskedFor ? 'warn' : 'info']({ why }, 'no NVIDIA GPUs can be given to kernels');
}

/** What is set for a kind of device that is not there would be overlooked for ever. */
function checkNames(settings: ComputeSettings, plugins: readonly ComputePlugin[]): void {
  const keys = plugins.map(({ key }) => key);
  for (const key of ['cpu', 'mem', ...keys])
    if (keys.filter((each) => each === key).length > (key === 'cpu' || key === 'mem' ? 0 : 1))
      throw new SettingsInvalid(`agent.compute has two plugins for devices named ${key}`);
  const known = new Set([...keys, 'cuda', 'rocm']);
  for (const key of Object.keys(settings.accelerators))
    if (!known.has(key))
      throw new SettingsInvalid(`agent.compute.accelerators.${key} is of no plugin that is chosen`);
}
