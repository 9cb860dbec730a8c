import { existsSync } from 'node:fs';
import type { AcceleratorSettings } from '@orrery/bus';
import { type GpuDevice, type MigDevice, type Nvml, openNvml } from '@orrery/native';
import { AcceleratorRules, percentOf } from './accelerator.ts';
import type {
  ComputeDevice,
  ComputePlugin,
  DeviceFragment,
  DeviceTarget,
  DeviceUse,
  GivenDevice,
  KindRules,
} from './compute-plugin.ts';
import { DEVICE } from './device-map.ts';
import { sharesOf } from './shares.ts';

const CAPABILITIES = ['utility', 'compute', 'video', 'graphics', 'display'];
const MEBIBYTE = 1024 ** 2;
const MILLI = 1_000;

/**
 * NVIDIA GPUs as NVML tells of them: whole, as MIG slices where a device is in that mode, or in shares. Undefined where
 * there is no NVML: `onMissing` hears why. @throws {SettingsInvalid}
 */
export async function openCuda(
  settings: AcceleratorSettings,
  onMissing: (why: string) => void,
  signal: AbortSignal,
): Promise<CudaPlugin | undefined> {
  const rules = new AcceleratorRules('cuda', settings);
  const answer = await openNvml({}, signal);
  if (answer.isAvailable) return new CudaPlugin(answer.nvml, rules, settings.mpsPipeDirectory);
  onMissing(`${answer.reason}: ${answer.explanation}`);
  return undefined;
}

export class CudaPlugin implements ComputePlugin {
  readonly key = 'cuda';
  readonly isAccelerator = true;
  readonly rules: KindRules;
  readonly #nvml: Nvml;
  readonly #accelerator: AcceleratorRules;
  readonly #mpsPipeDirectory: string;

  constructor(nvml: Nvml, accelerator: AcceleratorRules, mpsPipeDirectory: string) {
    this.rules = accelerator.rules;
    this.#nvml = nvml;
    this.#accelerator = accelerator;
    this.#mpsPipeDirectory = mpsPipeDirectory;
  }

  async discover(signal: AbortSignal): Promise<readonly ComputeDevice[]> {
    const { devices } = await this.#nvml.readDevices(signal);
    return devices
      .filter(({ uuid, index }) => !this.#accelerator.isMasked(uuid, String(index)))
      .flatMap((gpu) =>
        gpu.migMode === 'enabled'
          ? gpu.migDevices
              .filter(({ uuid }) => !this.#accelerator.isMasked(uuid))
              .map((slice) => this.#slice(gpu, slice))
          : [this.#whole(gpu)],
      );
  }

  fragment(given: readonly GivenDevice[], target: DeviceTarget): DeviceFragment {
    const ids = given.map(({ device }) => device.id);
    if (ids.length === 0) return {};
    const visible = target === 'container' ? 'NVIDIA_VISIBLE_DEVICES' : 'CUDA_VISIBLE_DEVICES';
    const shown = { [visible]: ids.join(',') };
    const mps = this.#mps(given);
    return {
      environ: { ...shown, ...mps.environ },
      resources: this.#accelerator.resources(given),
      ...(target === 'container'
        ? {
            deviceRequests: [{ driver: 'nvidia', deviceIds: ids, capabilities: CAPABILITIES }],
            ...mps.container,
          }
        : {}),
    };
  }

  memoryOf(given: GivenDevice): number {
    return this.#accelerator.memoryOf(given);
  }

  async measure(signal: AbortSignal): Promise<ReadonlyMap<string, DeviceUse>> {
    const { devices } = await this.#nvml.readDevices(signal);
    const uses = new Map<string, DeviceUse>();
    for (const gpu of devices) {
      uses.set(gpu.uuid, {
        memoryUsedBytes: gpu.memoryUsedBytes ?? undefined,
        busyPercent: gpu.gpuUtilisationPercent ?? undefined,
        powerWatts: watts(gpu.powerMilliwatts),
        powerLimitWatts: watts(gpu.powerLimitMilliwatts),
        temperatureCelsius: gpu.temperatureCelsius ?? undefined,
      });
      for (const { uuid, memoryUsedBytes } of gpu.migDevices)
        uses.set(uuid, { memoryUsedBytes: memoryUsedBytes ?? undefined });
    }
    return uses;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#nvml[Symbol.asyncDispose]();
  }

  #whole(gpu: GpuDevice): ComputeDevice {
    const memoryBytes = gpu.memoryTotalBytes ?? 0;
    const { isFractional, slot, units } = this.#accelerator;
    const shared = this.#hasMps() ? 'mps' : 'time-sharing';
    return {
      id: gpu.uuid,
      slot,
      numaNode: gpu.numaNode,
      // How many processors a whole device has is nothing that NVML tells.
      capacity: isFractional ? sharesOf({ memoryBytes, processors: null }, units) : DEVICE,
      model: gpu.name ?? 'NVIDIA GPU',
      memoryBytes,
      processors: null,
      isolation: isFractional ? shared : 'exclusive',
    };
  }

  #slice(gpu: GpuDevice, slice: MigDevice): ComputeDevice {
    const profile = /\bMIG (?<profile>\S+)$/.exec(slice.name ?? '')?.groups?.['profile'];
    return {
      id: slice.uuid,
      slot: this.#accelerator.sliceSlot(profile ?? `${slice.gpuInstanceSlices ?? 1}g`),
      numaNode: gpu.numaNode,
      capacity: DEVICE,
      model: slice.name ?? `${gpu.name ?? 'NVIDIA GPU'} MIG`,
      memoryBytes: slice.memoryTotalBytes ?? 0,
      processors: slice.multiprocessors,
      isolation: 'mig',
    };
  }

  /** The limits that an MPS daemon enforces on the programs of one kernel; nothing where none listens. */
  #mps(given: readonly GivenDevice[]): {
    readonly environ: Readonly<Record<string, string>>;
    readonly container: Pick<DeviceFragment, 'mounts' | 'ipcMode'>;
  } {
    if (!this.#accelerator.isFractional || !this.#hasMps()) return { environ: {}, container: {} };
    const directory = this.#mpsPipeDirectory;
    const limits = given.map(
      (each, place) => `${place}=${Math.floor(this.memoryOf(each) / MEBIBYTE)}M`,
    );
    return {
      environ: {
        CUDA_MPS_PIPE_DIRECTORY: directory,
        // One number for all devices: that of the smallest part.
        CUDA_MPS_ACTIVE_THREAD_PERCENTAGE: String(Math.min(...given.map(percentOf))),
        CUDA_MPS_PINNED_DEVICE_MEM_LIMIT: limits.join(','),
      },
      container: { mounts: [{ source: directory, target: directory }], ipcMode: 'host' },
    };
  }

  #hasMps(): boolean {
    return existsSync(this.#mpsPipeDirectory);
  }
}

function watts(milliwatts: number | null): number | undefined {
  return milliwatts === null ? undefined : milliwatts / MILLI;
}
