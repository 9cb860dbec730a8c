import {
  type AddonDevice,
  builtAddonPath,
  type GpuAmounts,
  type GpuProcess,
  loadAddon,
  type NvmlAddon,
  type NvmlFault,
  type NvmlLibrary,
  type NvmlOpening,
  type UnreadableGpu,
} from './addon.ts';
import { NvmlClosed, NvmlFailed, NvmlHung } from './errors.ts';

export type { GpuProcess, NvmlFault };

const LIBRARY = 'libnvidia-ml.so.1';
const PCI_DEVICES_PATH = '/sys/bus/pci/devices';
const CLOSE_TIMEOUT_MS = 5_000;

export interface NvmlOptions {
  /** A file, or a name the dynamic linker finds. Else ORRERY_NVML_LIBRARY, else the driver's own. */
  readonly libraryPath?: string;
  readonly addonPath?: string;
  readonly pciDevicesPath?: string;
  readonly closeTimeoutMs?: number;
}

/** Without a GPU driver or a built addon there is no NVML, and `reason` and `explanation` say why. */
export type NvmlAvailability =
  | { readonly isAvailable: true; readonly nvml: Nvml }
  | {
      readonly isAvailable: false;
      readonly reason: 'addon-not-built' | 'library-missing' | 'library-unusable' | 'init-failed';
      readonly explanation: string;
    };

/** Disposing waits for the reading under way, stops NVML and unloads it; @throws {NvmlHung}. */
export interface Nvml extends AsyncDisposable {
  readonly versions: NvmlVersions;
  /**
   * Reads every device off the main thread. Calls made while a reading is under way share it, so a driver that
   * hangs holds one thread, and the signal frees only the caller.
   * @throws {NvmlFailed} when there is no reading at all.
   * @throws {NvmlClosed} after disposal.
   * @throws the signal's reason, when it fires first.
   */
  readDevices(signal: AbortSignal): Promise<GpuReading>;
}

interface NvmlVersions {
  readonly driver: string | null;
  readonly nvml: string | null;
  /** The newest CUDA the driver runs, as `12.4`. */
  readonly cuda: string | null;
}

/** A lost or forbidden device is told under `unreadable` and takes nothing from the others. */
export interface GpuReading {
  readonly devices: readonly GpuDevice[];
  readonly unreadable: readonly UnreadableGpu[];
}

export interface GpuDevice extends GpuAmounts {
  /** As `9.0`. */
  readonly computeCapability: string | null;
  readonly migMode: 'disabled' | 'enabled' | null;
  readonly gpuUtilisationPercent: number | null;
  readonly memoryUtilisationPercent: number | null;
}

/** @throws only the signal's reason; NVML that opens after that is closed when it is collected. */
export async function openNvml(
  options: NvmlOptions,
  signal: AbortSignal,
): Promise<NvmlAvailability> {
  let addon: NvmlAddon;
  try {
    addon = loadAddon(options.addonPath ?? builtAddonPath);
  } catch (error) {
    return { isAvailable: false, reason: 'addon-not-built', explanation: String(error) };
  }
  const opening = await unlessAborted(
    addon.open(
      options.libraryPath ?? (process.env['ORRERY_NVML_LIBRARY'] || LIBRARY),
      options.pciDevicesPath ?? PCI_DEVICES_PATH,
    ),
    signal,
  );
  if (opening.outcome !== 'opened') {
    return { isAvailable: false, reason: opening.outcome, explanation: opening.reason };
  }
  const closeTimeoutMs = options.closeTimeoutMs ?? CLOSE_TIMEOUT_MS;
  return { isAvailable: true, nvml: new OpenNvml(addon, opening, closeTimeoutMs) };
}

class OpenNvml implements Nvml {
  readonly versions: NvmlVersions;
  readonly #addon: NvmlAddon;
  readonly #library: NvmlLibrary;
  readonly #closeTimeoutMs: number;
  #reading: Promise<GpuReading> | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    addon: NvmlAddon,
    opening: Extract<NvmlOpening, { readonly outcome: 'opened' }>,
    closeTimeoutMs: number,
  ) {
    this.#addon = addon;
    this.#library = opening.library;
    this.#closeTimeoutMs = closeTimeoutMs;
    this.versions = {
      driver: opening.driver,
      nvml: opening.nvml,
      cuda: opening.cuda === null ? null : describeCuda(opening.cuda),
    };
  }

  async readDevices(signal: AbortSignal): Promise<GpuReading> {
    signal.throwIfAborted();
    if (this.#closing !== undefined) throw new NvmlClosed();
    this.#reading ??= this.#read();
    return await unlessAborted(this.#reading, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    const deadline = AbortSignal.timeout(this.#closeTimeoutMs);
    try {
      await unlessAborted(this.#closing, deadline);
    } catch (error) {
      if (!deadline.aborted) throw error;
      throw new NvmlHung(this.#closeTimeoutMs, { cause: error });
    }
  }

  async #read(): Promise<GpuReading> {
    try {
      const reading = await this.#addon.readDevices(this.#library);
      if (reading.outcome === 'failed') throw new NvmlFailed(reading);
      return { devices: reading.devices.map(describeDevice), unreadable: reading.unreadable };
    } finally {
      this.#reading = undefined;
    }
  }

  async #close(): Promise<void> {
    await Promise.allSettled([this.#reading]);
    await this.#addon.close(this.#library);
  }
}

function describeDevice(device: AddonDevice): GpuDevice {
  const { computeMajor, computeMinor, migMode, gpuPercent, memoryPercent, ...amounts } = device;
  return {
    ...amounts,
    computeCapability:
      computeMajor === null || computeMinor === null ? null : `${computeMajor}.${computeMinor}`,
    migMode: migMode === null ? null : migMode === 1 ? 'enabled' : 'disabled',
    gpuUtilisationPercent: gpuPercent,
    memoryUtilisationPercent: memoryPercent,
  };
}

function describeCuda(version: number): string {
  return `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
}

function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
