import { freemem, totalmem } from 'node:os';
import {
  type AddonDevice,
  type AddonEvent,
  builtAddonPath,
  type GpuAmounts,
  type GpuProcess,
  loadAddon,
  type MigDevice,
  type NvLink,
  type NvmlAddon,
  type NvmlFault,
  type NvmlLibrary,
  type NvmlOpening,
  type UnreadableGpu,
} from './addon.ts';
import { NvmlClosed, NvmlFailed, NvmlHung, NvmlWatched } from './errors.ts';

export type { GpuProcess, MigDevice, NvLink, NvmlFault, UnreadableGpu };

const LIBRARY = 'libnvidia-ml.so.1';
const PCI_DEVICES_PATH = '/sys/bus/pci/devices';
const CLOSE_TIMEOUT_MS = 5_000;

/** A wait for events ends at least this often, so that closing and signals are heeded. */
const EVENT_WAIT_MS = 500;

export interface NvmlOptions {
  /** A file, or a name the dynamic linker finds. Else ORRERY_NVML_LIBRARY, else the driver's own. */
  readonly libraryPath?: string;
  readonly addonPath?: string;
  readonly pciDevicesPath?: string;
  readonly closeTimeoutMs?: number;
  /** What stands for the memory of devices that share it with the system; default the machine's. */
  readonly systemMemory?: () => { readonly totalBytes: number; readonly freeBytes: number };
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
  /**
   * NVLinks and common ancestors of the devices; asked once after a start. Waits for a reading under way.
   * @throws as `readDevices`.
   */
  readTopology(signal: AbortSignal): Promise<GpuTopology>;
  /**
   * Critical errors (XID) and memory errors as the driver tells them, until the signal fires; one iterator at a time. It
   * ends at once where the driver has no events. While it runs it holds one thread of Node's pool.
   * @throws {NvmlFailed} when the driver went away: open it anew.
   * @throws {NvmlClosed} after disposal.
   */
  watchEvents(signal: AbortSignal): AsyncIterable<GpuEvent>;
}

export interface GpuEvent {
  /** Absent when the driver did not say of which device it speaks. */
  readonly uuid?: string;
  readonly kind: 'xid' | 'ecc-corrected' | 'ecc-uncorrected';
  /** NVIDIA's number of the error, for an `xid`. */
  readonly xid?: number;
}

export interface GpuTopology {
  readonly links: readonly NvLink[];
  readonly pairs: readonly GpuPair[];
}

/** What two devices, by index, have in common first: from one board up to nothing but the system. */
export interface GpuPair {
  readonly left: number;
  readonly right: number;
  readonly ancestor: GpuAncestor;
}

export type GpuAncestor =
  | 'board'
  | 'pcie-switch'
  | 'pcie-switches'
  | 'host-bridge'
  | 'numa-node'
  | 'system';

/** Why a device runs slower than it could. */
export type ThrottleReason = (typeof THROTTLE_REASONS)[number];

const THROTTLE_REASONS = [
  'gpu-idle',
  'applications-clocks',
  'software-power-cap',
  'hardware-slowdown',
  'sync-boost',
  'software-thermal',
  'hardware-thermal',
  'hardware-power-brake',
  'display-clocks',
] as const;

const ANCESTORS: Readonly<Record<number, GpuAncestor>> = {
  0: 'board',
  10: 'pcie-switch',
  20: 'pcie-switches',
  30: 'host-bridge',
  40: 'numa-node',
  50: 'system',
};

const EVENT_KINDS: Readonly<Record<number, GpuEvent['kind']>> = {
  1: 'ecc-corrected',
  2: 'ecc-uncorrected',
  8: 'xid',
};

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
  readonly eccMode: 'disabled' | 'enabled' | null;
  /** Memory of the system, which a device without memory of its own uses (integrated GPUs). */
  readonly isMemoryShared: boolean;
  readonly throttleReasons: readonly ThrottleReason[] | null;
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
  const { systemMemory = machineMemory } = options;
  return {
    isAvailable: true,
    nvml: new OpenNvml(addon, opening, { closeTimeoutMs, systemMemory }),
  };
}

class OpenNvml implements Nvml {
  readonly versions: NvmlVersions;
  readonly #addon: NvmlAddon;
  readonly #library: NvmlLibrary;
  readonly #limits: Required<Pick<NvmlOptions, 'closeTimeoutMs' | 'systemMemory'>>;
  #reading: Promise<GpuReading> | undefined;
  #topology: Promise<GpuTopology> | undefined;
  #waiting: Promise<AddonEvent> | undefined;
  #isWatched = false;
  #closing: Promise<void> | undefined;

  constructor(
    addon: NvmlAddon,
    opening: Extract<NvmlOpening, { readonly outcome: 'opened' }>,
    limits: Required<Pick<NvmlOptions, 'closeTimeoutMs' | 'systemMemory'>>,
  ) {
    this.#addon = addon;
    this.#library = opening.library;
    this.#limits = limits;
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

  async readTopology(signal: AbortSignal): Promise<GpuTopology> {
    signal.throwIfAborted();
    if (this.#closing !== undefined) throw new NvmlClosed();
    this.#topology ??= this.#readTopology();
    return await unlessAborted(this.#topology, signal);
  }

  async *watchEvents(signal: AbortSignal): AsyncGenerator<GpuEvent> {
    if (this.#isWatched) throw new NvmlWatched();
    this.#isWatched = true;
    try {
      while (!signal.aborted) {
        if (this.#closing !== undefined) throw new NvmlClosed();
        this.#waiting = this.#addon.waitForEvent(this.#library, EVENT_WAIT_MS);
        const event = await this.#waiting;
        if (event.outcome === 'failed') throw new NvmlFailed(event);
        if (event.outcome === 'not-supported') return;
        const told = event.outcome === 'event' ? describeEvent(event) : undefined;
        if (told !== undefined) yield told;
      }
    } finally {
      this.#isWatched = false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    const { closeTimeoutMs } = this.#limits;
    const deadline = AbortSignal.timeout(closeTimeoutMs);
    try {
      await unlessAborted(this.#closing, deadline);
    } catch (error) {
      if (!deadline.aborted) throw error;
      throw new NvmlHung(closeTimeoutMs, { cause: error });
    }
  }

  async #read(): Promise<GpuReading> {
    try {
      await Promise.allSettled([this.#topology]);
      const reading = await this.#addon.readDevices(this.#library);
      if (reading.outcome === 'failed') throw new NvmlFailed(reading);
      const devices = reading.devices.map((device) => this.#describe(device));
      return { devices, unreadable: reading.unreadable };
    } finally {
      this.#reading = undefined;
    }
  }

  async #readTopology(): Promise<GpuTopology> {
    try {
      await Promise.allSettled([this.#reading]);
      const topology = await this.#addon.readTopology(this.#library);
      if (topology.outcome === 'failed') throw new NvmlFailed(topology);
      const pairs = topology.pairs.map(({ left, right, level }): GpuPair => {
        return { left, right, ancestor: ANCESTORS[level] ?? 'system' };
      });
      return { links: topology.links, pairs };
    } finally {
      this.#topology = undefined;
    }
  }

  #describe(device: AddonDevice): GpuDevice {
    const described = describeDevice(device);
    const isTold = device.faults.some(({ call }) => call.startsWith('nvmlDeviceGetMemoryInfo'));
    if (device.memoryTotalBytes !== null || isTold) return described;
    const { totalBytes, freeBytes } = this.#limits.systemMemory();
    return {
      ...described,
      isMemoryShared: true,
      memoryTotalBytes: totalBytes,
      memoryFreeBytes: freeBytes,
      memoryUsedBytes: totalBytes - freeBytes,
    };
  }

  async #close(): Promise<void> {
    await Promise.allSettled([this.#reading, this.#topology, this.#waiting]);
    await this.#addon.close(this.#library);
  }
}

function describeDevice(device: AddonDevice): GpuDevice {
  const { computeMajor, computeMinor, migMode, eccMode, throttleBits, ...rest } = device;
  const { gpuPercent, memoryPercent, ...amounts } = rest;
  return {
    ...amounts,
    computeCapability:
      computeMajor === null || computeMinor === null ? null : `${computeMajor}.${computeMinor}`,
    migMode: onOrOff(migMode),
    eccMode: onOrOff(eccMode),
    isMemoryShared: false,
    gpuUtilisationPercent: gpuPercent,
    memoryUtilisationPercent: memoryPercent,
    throttleReasons:
      throttleBits === null
        ? null
        : THROTTLE_REASONS.filter((_, place) => ((throttleBits >> place) & 1) === 1),
  };
}

function onOrOff(mode: number | null): 'disabled' | 'enabled' | null {
  if (mode === null) return null;
  return mode === 1 ? 'enabled' : 'disabled';
}

/** Undefined for a kind that was not asked for. */
function describeEvent(
  event: Extract<AddonEvent, { readonly outcome: 'event' }>,
): GpuEvent | undefined {
  const kind = EVENT_KINDS[event.type];
  if (kind === undefined) return undefined;
  return {
    ...(event.uuid === null ? {} : { uuid: event.uuid }),
    kind,
    ...(kind === 'xid' ? { xid: event.number } : {}),
  };
}

function machineMemory(): { readonly totalBytes: number; readonly freeBytes: number } {
  return { totalBytes: totalmem(), freeBytes: freemem() };
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
