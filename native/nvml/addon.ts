import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** What the C side exports and answers; `nvml.ts` turns it into our words. */
export interface NvmlAddon {
  open(libraryPath: string, pciDevicesPath: string): Promise<NvmlOpening>;
  /** One call at a time for a library; throws while another is under way. */
  readDevices(library: NvmlLibrary): Promise<AddonReading>;
  /** Not beside a reading: both count as the one call. */
  readTopology(library: NvmlLibrary): Promise<AddonTopology>;
  /** Holds a thread of the pool up to `timeoutMs`, 0 to 10,000; one at a time, also beside a reading. */
  waitForEvent(library: NvmlLibrary, timeoutMs: number): Promise<AddonEvent>;
  /** Throws while any call is under way. */
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

/** One slice of a device in MIG mode; what programs are given instead of the device. */
export interface MigDevice {
  readonly uuid: string;
  /** Ends in its profile: `NVIDIA H200 MIG 1g.18gb`. */
  readonly name: string | null;
  readonly gpuInstanceId: number | null;
  readonly computeInstanceId: number | null;
  readonly multiprocessors: number | null;
  readonly gpuInstanceSlices: number | null;
  readonly computeInstanceSlices: number | null;
  readonly memoryTotalBytes: number | null;
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
  /** The number in /dev/nvidia<number>. */
  readonly minorNumber: number | null;
  readonly numaNode: number | null;
  readonly memoryTotalBytes: number | null;
  /** Without what the driver reserves for itself, where the driver tells the two apart. */
  readonly memoryUsedBytes: number | null;
  readonly memoryFreeBytes: number | null;
  readonly temperatureCelsius: number | null;
  /** From here on the device slows itself down. */
  readonly temperatureSlowdownCelsius: number | null;
  readonly temperatureShutdownCelsius: number | null;
  readonly powerMilliwatts: number | null;
  /** The limit in force, whoever set it. */
  readonly powerLimitMilliwatts: number | null;
  readonly powerLimitMinMilliwatts: number | null;
  readonly powerLimitMaxMilliwatts: number | null;
  /** Since the driver was loaded. */
  readonly energyMillijoules: number | null;
  readonly graphicsClockMhz: number | null;
  readonly graphicsClockMaxMhz: number | null;
  readonly smClockMhz: number | null;
  readonly smClockMaxMhz: number | null;
  readonly memoryClockMhz: number | null;
  readonly memoryClockMaxMhz: number | null;
  /** Since the driver was loaded; `Ever`: since the board was made. */
  readonly eccCorrectedErrors: number | null;
  readonly eccUncorrectedErrors: number | null;
  readonly eccCorrectedErrorsEver: number | null;
  readonly eccUncorrectedErrorsEver: number | null;
  readonly pcieGeneration: number | null;
  readonly pcieGenerationMax: number | null;
  readonly pcieWidth: number | null;
  readonly pcieWidthMax: number | null;
  /** Empty unless the device is in MIG mode. */
  readonly migDevices: readonly MigDevice[];
  /** Compute processes only; pids are those of NVML's own pid namespace, the host's. */
  readonly processes: readonly GpuProcess[] | null;
  /** Fields above that are `null` because of a refusal other than "not supported". */
  readonly faults: readonly NvmlFault[];
}

export interface AddonDevice extends GpuAmounts {
  readonly computeMajor: number | null;
  readonly computeMinor: number | null;
  readonly migMode: number | null;
  readonly eccMode: number | null;
  readonly gpuPercent: number | null;
  readonly memoryPercent: number | null;
  readonly throttleBits: number | null;
}

/** An active NVLink of the device of that index. */
export interface NvLink {
  readonly device: number;
  readonly link: number;
  /** Of the GPU, switch or bridge at the other end. */
  readonly remotePciBusId: string | null;
}

type AddonTopology =
  | ({ readonly outcome: 'failed' } & NvmlFault)
  | {
      readonly outcome: 'read';
      readonly links: readonly NvLink[];
      readonly pairs: readonly {
        readonly left: number;
        readonly right: number;
        readonly level: number;
      }[];
    };

export type AddonEvent =
  | ({ readonly outcome: 'failed' } & NvmlFault)
  | { readonly outcome: 'none' | 'not-supported' }
  | {
      readonly outcome: 'event';
      readonly uuid: string | null;
      readonly type: number;
      readonly number: number;
    };

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
