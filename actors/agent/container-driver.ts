import type { Duplex } from 'node:stream';
import type { ImageFacts, KernelEndpoint, KernelSpec, PullProgress } from '@orrery/bus';
import type { DeviceGrant, KernelDevices } from './compute/kernel-devices.ts';
import type { LogChunk } from './log-frames.ts';
import type { ClusterNetworks } from './networks/cluster-networks.ts';

/** How a kernel's container ended, as the engine knows it. */
export interface ContainerExit {
  /** Null when nobody saw it. */
  readonly exitCode: number | null;
  readonly wasOutOfMemory: boolean;
  readonly finishedAtMs: number | null;
  /** Set when the program itself never ran, which some engines tell only after the start. */
  readonly startFailure?: { readonly code: string; readonly message: string } | undefined;
}

export type ContainerState =
  | { readonly phase: 'created' }
  | { readonly phase: 'running'; readonly startedAtMs: number }
  | { readonly phase: 'exited'; readonly exit: ContainerExit };

/** A container of this node, found by what is written on it; nothing else needs to be remembered. */
export interface KernelContainer {
  readonly id: string;
  readonly kernel: string;
  readonly session: string;
  /** Revision of the wish it was made for. */
  readonly wishRevision: number;
  readonly traceparent?: string | undefined;
  readonly batchTimeoutMs?: number | undefined;
  /** Absent: nothing is written of it there. */
  readonly devices?: KernelDevices | undefined;
  readonly state: ContainerState;
}

/** Where a start comes from; written on the container. */
export interface StartOrigin {
  readonly wishRevision: number;
  readonly traceparent?: string | undefined;
  /** What it holds of the node's devices; absent: nothing is counted there. */
  readonly grant?: DeviceGrant | undefined;
}

export type ContainerChange =
  /** The stream begins, or began anew after a gap: whoever follows must list. */
  | { readonly kind: 'resync' }
  | { readonly kind: 'exited'; readonly kernel: string; readonly exit: ContainerExit }
  /** It was made; told also of one that an engine made long after it was asked to. */
  | { readonly kind: 'created'; readonly kernel: string }
  | { readonly kind: 'images-changed' };

export interface LocalImage {
  readonly reference: string;
  readonly facts: ImageFacts;
}

export interface EngineCapacity {
  readonly cores: number;
  readonly memoryBytes: number;
  /** `x86_64`, `aarch64`, … */
  readonly architecture: string;
  /** Names of the runtimes that the engine can run containers with; absent: it has no such thing. */
  readonly runtimes?: readonly string[] | undefined;
  /** Where it keeps images and what containers write; absent: nowhere of its own. */
  readonly root?: string | undefined;
}

export interface LogRequest {
  readonly kernel: string;
  /** Bytes to leave out from the beginning. */
  readonly offsetBytes: number;
  /** `followed` ends when the container has ended and everything was given. */
  readonly mode: 'so-far' | 'followed';
}

/** Counters of one running kernel since its start. What is absent cannot be had there. */
export interface KernelUsage {
  readonly cpuMs: number;
  /** Without what the system can take back at once. */
  readonly memoryBytes: number;
  readonly memoryLimitBytes?: number | undefined;
  readonly readBytes?: number | undefined;
  readonly writtenBytes?: number | undefined;
  readonly receivedBytes?: number | undefined;
  readonly sentBytes?: number | undefined;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface ExecRequest {
  readonly kernel: string;
  readonly command: readonly string[];
  readonly environ: Readonly<Record<string, string>>;
  /** Absent: no terminal, and standard output and error stay apart. */
  readonly terminal?: TerminalSize | undefined;
}

/** Where things of a kernel lie; `runner` as its programs see it, the others as the agent does. */
export interface KernelPlaces {
  /** The kernel's working directory. */
  readonly work: string;
  /** What the node keeps of the runs in it; goes with the kernel. */
  readonly runs: string;
  /** The runner's files. */
  readonly runner: string;
  /** The working directory, as programs see it. */
  readonly home: string;
}

/** Where something listens, as programs of the kernel see it. */
export interface PortTarget {
  readonly kernel: string;
  readonly port: number;
}

/** A program run beside a kernel's own. Disposing ends it as far as the engine can. */
export interface ExecProcess extends AsyncDisposable {
  readonly output: AsyncIterable<LogChunk>;
  write(bytes: Uint8Array): Promise<void>;
  endInput(): void;
  resize(size: TerminalSize): Promise<void>;
  /** Resolves after `output` has ended. Null when the engine lost it. */
  waitForExit(signal: AbortSignal): Promise<number | null>;
}

/**
 * The containers of one node: one a kernel, told apart from everybody else's by node and installation.
 * Whatever waits rejects with its signal's reason when that fires first. Calls about one kernel come
 * one at a time.
 * @throws {EngineUnavailable} from every call, when the engine does not answer.
 */
export interface ContainerDriver extends AsyncDisposable {
  readonly name: 'docker' | 'process' | 'simulated';
  /** Absent: kernels of this driver share no networks. */
  readonly networks?: ClusterNetworks | undefined;
  capacity(signal: AbortSignal): Promise<EngineCapacity>;
  /** Resolves when the engine answers what an engine that is well answers at once. Absent: there is none. */
  answer?(signal: AbortSignal): Promise<void>;
  /** All that this node owns, also what has ended. */
  list(signal: AbortSignal): Promise<readonly KernelContainer[]>;
  find(kernel: string, signal: AbortSignal): Promise<KernelContainer | undefined>;
  /**
   * Makes sure that the image and the scratch space are there. Free when they are known to be.
   * @returns what the other kernels of its session need to know of it; undefined: it is alone, or nothing.
   * @throws {ImageNotFound} | {ImagePullFailed} | {ImagePullRefused} | {ImageArchitectureMismatch} |
   * {ImageNotHere} | {DiskFull} | {ScratchUnavailable}
   */
  prepare(
    spec: KernelSpec,
    onPull: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<KernelEndpoint | undefined>;
  /**
   * Creates and starts the container of a prepared kernel, or takes over the one that is there: never
   * two of a kernel. Leaves no container behind when it throws.
   * @throws {ContainerFailure} of the step `create` or `start`.
   */
  start(spec: KernelSpec, origin: StartOrigin, signal: AbortSignal): Promise<KernelContainer>;
  /** What happens to this node's containers and images, for ever; first a `resync`. */
  follow(signal: AbortSignal): AsyncIterable<ContainerChange>;
  /** @throws {KernelNotFound} when there is no container. */
  logs(request: LogRequest, signal: AbortSignal): AsyncIterable<LogChunk>;
  /** @throws {KernelNotFound} | {ExecFailed} | {TerminalUnavailable} */
  exec(request: ExecRequest, signal: AbortSignal): Promise<ExecProcess>;
  /**
   * A connection to what listens at a port inside the kernel, on its loopback too. Either side may end first; whoever
   * asked destroys it.
   * @throws {KernelNotFound} | {KernelNotRunning} | {PortRefused} | {PortUnreachable}
   */
  dial(target: PortTarget, signal: AbortSignal): Promise<Duplex>;
  /**
   * Asks the program to end, kills it after `graceMs`, and tells how it ended. Undefined: no container.
   * @throws {ContainerWillNotStop} when even the kill did not work.
   */
  stop(
    target: { readonly kernel: string; readonly graceMs: number },
    signal: AbortSignal,
  ): Promise<ContainerExit | undefined>;
  /** Container, scratch and all, also of a kernel that still runs. Nothing to do is fine. */
  remove(kernel: string, signal: AbortSignal): Promise<void>;
  images(signal: AbortSignal): Promise<readonly LocalImage[]>;
  /** Removes, now and then until the signal fires, what nobody needs. Absent: nothing gathers. */
  tidy?(signal: AbortSignal): Promise<void>;
  /** What those of the kernels have used that run; of which nothing can be had is left out. */
  usage(kernels: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, KernelUsage>>;
  /** Undefined: a kernel of this driver has no files. */
  places(kernel: string): KernelPlaces | undefined;
}
