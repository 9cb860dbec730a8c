import { HeldDevice } from '@orrery/bus';
import { z } from 'zod';
import type { DeviceFragment, DeviceTarget } from './compute-plugin.ts';

/** What a kernel holds of its node: written on its container, and read again by the next agent. */
export const KernelDevices = z.object({
  /** Amounts by slot and device. */
  allocations: z.record(z.string(), z.record(z.string(), z.string())),
  /** The accelerators among them, as people are told of them. */
  held: z.array(HeldDevice),
});
export type KernelDevices = Readonly<z.infer<typeof KernelDevices>>;

/** The same, with what a container needs for it. */
export interface DeviceGrant extends KernelDevices {
  readonly fragment: DeviceFragment;
}

/** Undefined for what is no such text. */
export function parseKernelDevices(text: string | undefined): KernelDevices | undefined {
  if (text === undefined) return undefined;
  try {
    return KernelDevices.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** All that several plugins add. Of what only one can say, the last one says it. */
export function mergeFragments(fragments: readonly DeviceFragment[]): DeviceFragment {
  const merged = <Key extends keyof DeviceFragment>(key: Key) =>
    fragments.map((fragment) => fragment[key]).filter((value) => value !== undefined);
  const cpuset = merged('cpuset').at(-1);
  const ipcMode = merged('ipcMode').at(-1);
  return {
    environ: Object.assign({}, ...merged('environ')),
    resources: Object.assign({}, ...merged('resources')),
    deviceRequests: merged('deviceRequests').flat(),
    devicePaths: merged('devicePaths').flat(),
    mounts: merged('mounts').flat(),
    groups: [...new Set(merged('groups').flat())],
    ...(cpuset === undefined ? {} : { cpuset }),
    ...(ipcMode === undefined ? {} : { ipcMode }),
  };
}

/** Images may ask for all devices in their own environment, and an engine may be set to heed that. */
export function hidingEnviron(target: DeviceTarget): Readonly<Record<string, string>> {
  return target === 'container'
    ? { NVIDIA_VISIBLE_DEVICES: 'void' }
    : { CUDA_VISIBLE_DEVICES: '', ROCR_VISIBLE_DEVICES: '' };
}

const GIBIBYTE = 1024 ** 3;
const MEBIBYTE = 1024 ** 2;

/** What programs of Backend.AI's images look at; of the first kind of accelerator that the kernel has. */
export function acceleratorEnviron(held: readonly HeldDevice[]): Readonly<Record<string, string>> {
  const kind = held[0]?.slot.split('.')[0];
  if (kind === undefined) return { GPU_COUNT: '0', N_GPUS: '0' };
  const first = held.filter(({ slot }) => slot.split('.')[0] === kind);
  const numbered = (text: (device: HeldDevice) => string): string =>
    first.map((device, place) => `${place}:${text(device)}`).join(',');
  return {
    GPU_TYPE: kind,
    GPU_MODEL_NAME: first[0]?.model ?? '',
    GPU_CONFIG: numbered(({ memoryBytes }) => `${Math.floor(memoryBytes / GIBIBYTE)}g`),
    TF_GPU_MEMORY_ALLOC: numbered(({ memoryBytes }) => String(Math.floor(memoryBytes / MEBIBYTE))),
    GPU_COUNT: String(first.length),
    N_GPUS: String(first.length),
  };
}
