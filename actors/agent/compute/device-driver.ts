import type { Duplex } from 'node:stream';
import type { KernelEndpoint, KernelSpec, PullProgress } from '@orrery/bus';
import type {
  ContainerChange,
  ContainerDriver,
  ContainerExit,
  EngineCapacity,
  ExecProcess,
  ExecRequest,
  KernelContainer,
  KernelPlaces,
  KernelUsage,
  LocalImage,
  LogRequest,
  PortTarget,
  StartOrigin,
} from '../container-driver.ts';
import type { LogChunk } from '../log-frames.ts';
import type { NodeDevices } from './node-devices.ts';

/**
 * A driver whose kernels get devices of the node: before they start, until nothing of them is left. What they hold is
 * written on their containers, and read from there before anything is given away.
 */
export class DeviceDriver implements ContainerDriver {
  readonly name: ContainerDriver['name'];
  readonly #driver: ContainerDriver;
  readonly #devices: NodeDevices;
  #restoring: Promise<unknown> | undefined;
  /** Kernels whose start is under way, or that were removed while containers were being listed. */
  readonly #starting = new Set<string>();
  readonly #removedOf = new Set<Set<string>>();

  constructor(driver: ContainerDriver, devices: NodeDevices) {
    this.name = driver.name;
    this.#driver = driver;
    this.#devices = devices;
  }

  get networks(): ContainerDriver['networks'] {
    return this.#driver.networks;
  }

  capacity(signal: AbortSignal): Promise<EngineCapacity> {
    return this.#driver.capacity(signal);
  }

  async answer(signal: AbortSignal): Promise<void> {
    await this.#driver.answer?.(signal);
  }

  async list(signal: AbortSignal): Promise<readonly KernelContainer[]> {
    const listing = this.#listAndRestore(signal);
    this.#restoring ??= listing;
    try {
      return await listing;
    } catch (cause) {
      if (this.#restoring === listing) this.#restoring = undefined;
      throw cause;
    }
  }

  find(kernel: string, signal: AbortSignal): Promise<KernelContainer | undefined> {
    return this.#driver.find(kernel, signal);
  }

  prepare(
    spec: KernelSpec,
    onPull: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<KernelEndpoint | undefined> {
    return this.#driver.prepare(spec, onPull, signal);
  }

  async start(
    spec: KernelSpec,
    origin: StartOrigin,
    signal: AbortSignal,
  ): Promise<KernelContainer> {
    await (this.#restoring ?? this.list(signal));
    const { kernel, slots, isFragmentable } = spec;
    const grant = this.#devices.assign(kernel, slots, isFragmentable);
    this.#devices.check(kernel, slots);
    this.#starting.add(kernel);
    try {
      return await this.#driver.start(spec, { ...origin, grant }, signal);
    } catch (cause) {
      await this.#freeUnlessThere(kernel);
      throw cause;
    } finally {
      this.#starting.delete(kernel);
    }
  }

  follow(signal: AbortSignal): AsyncIterable<ContainerChange> {
    return this.#driver.follow(signal);
  }

  logs(request: LogRequest, signal: AbortSignal): AsyncIterable<LogChunk> {
    return this.#driver.logs(request, signal);
  }

  exec(request: ExecRequest, signal: AbortSignal): Promise<ExecProcess> {
    return this.#driver.exec(request, signal);
  }

  dial(target: PortTarget, signal: AbortSignal): Promise<Duplex> {
    return this.#driver.dial(target, signal);
  }

  stop(
    target: { readonly kernel: string; readonly graceMs: number },
    signal: AbortSignal,
  ): Promise<ContainerExit | undefined> {
    return this.#driver.stop(target, signal);
  }

  async remove(kernel: string, signal: AbortSignal): Promise<void> {
    await this.#driver.remove(kernel, signal);
    this.#devices.free(kernel);
    for (const removed of this.#removedOf) removed.add(kernel);
  }

  async tidy(signal: AbortSignal): Promise<void> {
    await this.#driver.tidy?.(signal);
  }

  images(signal: AbortSignal): Promise<readonly LocalImage[]> {
    return this.#driver.images(signal);
  }

  usage(
    kernels: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, KernelUsage>> {
    return this.#driver.usage(kernels, signal);
  }

  places(kernel: string): KernelPlaces | undefined {
    return this.#driver.places(kernel);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#driver[Symbol.asyncDispose]();
    await this.#devices[Symbol.asyncDispose]();
  }

  /** What a list of some moments ago says of kernels that have changed since is not believed. */
  async #listAndRestore(signal: AbortSignal): Promise<readonly KernelContainer[]> {
    const removed = new Set<string>();
    const held = Object.keys(this.#devices.holders()).filter((each) => !this.#starting.has(each));
    this.#removedOf.add(removed);
    try {
      const found = await this.#driver.list(signal);
      this.#devices.restore(found.filter(({ kernel }) => !removed.has(kernel)));
      const there = new Set(found.map(({ kernel }) => kernel));
      const isGone = (kernel: string): boolean =>
        !there.has(kernel) && !this.#starting.has(kernel) && !removed.has(kernel);
      for (const kernel of held.filter(isGone)) this.#devices.free(kernel);
      return found;
    } finally {
      this.#removedOf.delete(removed);
    }
  }

  /** A start that failed leaves no container, but an engine that fell silent may have made one all the same. */
  async #freeUnlessThere(kernel: string): Promise<void> {
    const bounded = AbortSignal.timeout(LOOK_MS_MAX);
    const isThere = await this.#driver.find(kernel, bounded).then(
      (container) => container !== undefined,
      () => true,
    );
    if (!isThere) this.#devices.free(kernel);
  }
}

const LOOK_MS_MAX = 5_000;
