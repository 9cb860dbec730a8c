import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** What the C side exports and answers; `nvml.ts` turns it into our words. */
export interface NvmlAddon {
  open(libraryPath: string, pciDevicesPath: string): Promise<NvmlOpening>;
  /** One call at a time for a library; throws while another is under way. */
  readDevices(library: NvmlLibrary): Promise<AddonReading>;
  close(library: NvmlLibrary): Promise<void>;
}

declare const opened: unique symbol;
/** An opaque handle; when nobody closes it, collecting it does. */
export interface NvmlLibrary {
  readonly [opened]: true;
}

export type NvmlOpening =
  | {
      readonly outcome: 'opened';
      readonly library: NvmlLibrary;
      readonly driver: string | null;
      readonly nvml: string | null;
      /** 1000 * major + 10 * minor */
      readonly cuda: number | null;
    }
  | {
      readonly outcome: 'library-missing' | 'library-unusable' | 'init-failed';
      readonly status: number;
      readonly reason: string;
    };

/** A refusal in NVML's own words: the function, its nvmlReturn_t, and the text it has for that. */
export interface NvmlFault {
  readonly call: string;
  readonly status: number;
  readonly reason: string;
}

export interface GpuProcess {
  readonly pid: number;
  readonly memoryUsedBytes: number | null;
}

/** Amounts of one device as told; `null` is "this device or driver does not tell". */
export interface GpuAmounts {
  /** As NVML counts; not stable over restarts of the driver. `uuid` is. */
  readonly index: number;
  readonly uuid: string;
  readonly name: string | null;
  /** As in /sys/bus/pci/devices: `0000:3b:00.0`. */
  readonly pciBusId: string | null;
  readonly numaNode: number | null;
  readonly memoryTotalBytes: number | null;
  /** Without what the driver reserves for itself, where the driver tells the two apart. */
  readonly memoryUsedBytes: number | null;
  readonly memoryFreeBytes: number | null;
  readonly temperatureCelsius: number | null;
  readonly powerMilliwatts: number | null;
  /** The limit in force, whoever set it. */
  readonly powerLimitMilliwatts: number | null;
  /** Compute processes only; pids are those of NVML's own pid namespace, the host's. */
  readonly processes: readonly GpuProcess[] | null;
  /** Fields above that are `null` because of a refusal other than "not supported". */
  readonly faults: readonly NvmlFault[];
}

export interface AddonDevice extends GpuAmounts {
  readonly computeMajor: number | null;
  readonly computeMinor: number | null;
  readonly migMode: number | null;
  readonly gpuPercent: number | null;
  readonly memoryPercent: number | null;
}

/** A device that could not be looked at, and the call that told so. */
export interface UnreadableGpu extends NvmlFault {
  readonly index: number;
}

type AddonReading =
  | ({ readonly outcome: 'failed' } & NvmlFault)
  | {
      readonly outcome: 'read';
      readonly devices: readonly AddonDevice[];
      readonly unreadable: readonly UnreadableGpu[];
    };

export const builtAddonPath = fileURLToPath(new URL('build/Release/nvml.node', import.meta.url));

/** @throws what Node's loader throws when the file is absent or was built for another machine. */
export function loadAddon(path: string): NvmlAddon {
  return createRequire(import.meta.url)(path);
}
