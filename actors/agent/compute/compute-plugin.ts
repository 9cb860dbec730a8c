import type { NodeDevice } from '@orrery/bus';
import type { DeviceKind, MapDevice } from './device-map.ts';

/** One thing that a plugin found, with all that people and programs are told of it. */
export interface ComputeDevice extends MapDevice {
  readonly model: string;
  readonly memoryBytes: number;
  /** Null: not told. */
  readonly processors: number | null;
  readonly isolation: NodeDevice['isolation'];
}

/** Where a kernel runs decides how devices are shown to it and hidden from it. */
export type DeviceTarget = 'container' | 'process';

/** A device as `docker run --gpus` asks for it. */
export interface DeviceRequest {
  readonly driver: string;
  readonly deviceIds: readonly string[];
  readonly capabilities: readonly string[];
}

/** What a plugin adds to a kernel. */
export interface DeviceFragment {
  /** Over whatever the session's own environment says. */
  readonly environ?: Readonly<Record<string, string>>;
  /** Lines of `resource.txt`. */
  readonly resources?: Readonly<Record<string, string>>;
  /** Numbers of the cores it keeps to. */
  readonly cpuset?: string;
  readonly deviceRequests?: readonly DeviceRequest[];
  /** Device files, readable and writable inside under the same path. */
  readonly devicePaths?: readonly string[];
  readonly mounts?: readonly { readonly source: string; readonly target: string }[];
  readonly groups?: readonly string[];
  /** Memory and semaphores shared with the node: programs of one MPS daemon meet there. */
  readonly ipcMode?: 'host';
}

/** A device of the plugin and how much of it one kernel holds, in thousandths. */
export interface GivenDevice {
  readonly device: ComputeDevice;
  readonly amount: bigint;
}

/** What a device does at the moment; what is undefined it does not tell. */
export interface DeviceUse {
  readonly memoryUsedBytes?: number | undefined;
  readonly busyPercent?: number | undefined;
  readonly powerWatts?: number | undefined;
  readonly powerLimitWatts?: number | undefined;
  readonly temperatureCelsius?: number | undefined;
}

export type KindRules = Omit<DeviceKind, 'key' | 'devices'>;

/** One sort of devices: what there is of it, how it is given away, and what a kernel that has some of it gets. */
export interface ComputePlugin extends AsyncDisposable {
  /** First part of the names of its slots. */
  readonly key: string;
  /** Whether people are told which kernel holds which of its devices. */
  readonly isAccelerator: boolean;
  readonly rules: KindRules;
  /** What is there now; none is no failure. */
  discover(signal: AbortSignal): Promise<readonly ComputeDevice[]>;
  /** What a kernel with these devices gets; that real ones are hidden otherwise goes without saying. */
  fragment(given: readonly GivenDevice[], target: DeviceTarget): DeviceFragment;
  /** Of a device's memory, what the amount stands for. */
  memoryOf(given: GivenDevice): number;
  /** By device, of those found last. Absent: nothing is measured. */
  measure?(signal: AbortSignal): Promise<ReadonlyMap<string, DeviceUse>>;
}
