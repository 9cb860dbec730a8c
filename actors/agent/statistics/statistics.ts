import {
  type Clock,
  type LiveChannel,
  type Logger,
  type Metric,
  type StatisticsMessage,
  statisticsLive,
} from '@orrery/bus';
import type { AcceleratorUsage } from '../compute/device-metrics.ts';
import type { ContainerDriver, KernelUsage } from '../container-driver.ts';
import { kernelKinds, type Measured, MetricBook, nodeKinds } from './metric-book.ts';
import type { NodeUsage } from './node-usage.ts';

/** Kernels told in one message, which must stay under the bus' limit. */
const KERNELS_A_MESSAGE_MAX = 200;
/** One core used fully, in milliseconds of it a second. */
const CORE_MS_PER_SECOND = 1_000;
/** A measuring that takes longer is given up. */
const MEASURE_MS_MAX = 60_000;

export interface StatisticsOptions {
  readonly node: string;
  readonly driver: ContainerDriver;
  readonly live: Pick<LiveChannel, 'publish'>;
  readonly periodMs: number;
  readonly clock: Clock;
  /** How long things took, whatever happens to the machine's clock. */
  readonly steady: Clock;
  readonly logger: Logger;
  /** Undefined: the node is none of its own, and only its kernels are measured. */
  readonly readNode: ((elapsedMs: number | undefined) => NodeUsage) | undefined;
  /** What accelerators do; absent: there are none. */
  readonly readDevices?: ((signal: AbortSignal) => Promise<AcceleratorUsage>) | undefined;
  /** Kernels whose program runs. */
  readonly running: () => readonly string[];
}

/** Measures a node and its kernels and tells it, until the signal fires. A failure costs one round only. */
export async function tellStatistics(
  options: StatisticsOptions,
  signal: AbortSignal,
): Promise<void> {
  const { clock, periodMs, logger } = options;
  const measuring = new Measuring(options);
  let isFailing = false;
  while (!signal.aborted) {
    try {
      await measuring.round(AbortSignal.any([signal, AbortSignal.timeout(MEASURE_MS_MAX)]));
      isFailing = false;
    } catch (err) {
      if (signal.aborted) return;
      if (!isFailing) logger.warn({ err }, 'statistics could not be measured');
      isFailing = true;
    }
    await clock.sleep(periodMs, signal).catch(() => undefined);
  }
}

class Measuring {
  readonly #options: StatisticsOptions;
  readonly #node = new MetricBook(nodeKinds);
  /** By key, then by device. */
  readonly #devices = new Map<string, Map<string, MetricBook>>();
  readonly #kernels = new Map<string, MetricBook>();
  #lastMs: number | undefined;
  #areDevicesSilent = false;

  constructor(options: StatisticsOptions) {
    this.#options = options;
  }

  async round(signal: AbortSignal): Promise<void> {
    const { steady, clock, readNode, running, driver } = this.#options;
    const usages = await driver.usage(running(), signal);
    const accelerators = await this.#readDevices(signal);
    const atMs = steady.nowMs();
    const node = readNode?.(this.#lastMs === undefined ? undefined : atMs - this.#lastMs);
    this.#lastMs = atMs;
    if (node !== undefined)
      this.#tellNode(withAccelerators(node, accelerators), { atMs, wallMs: clock.nowMs() });
    this.#tellKernels(usages, { atMs, wallMs: clock.nowMs(), accelerators });
  }

  /** A driver that does not tell of its devices keeps nothing else from being told. */
  async #readDevices(signal: AbortSignal): Promise<AcceleratorUsage | undefined> {
    try {
      const usage = await this.#options.readDevices?.(signal);
      this.#areDevicesSilent = false;
      return usage;
    } catch (err) {
      signal.throwIfAborted();
      if (!this.#areDevicesSilent)
        this.#options.logger.warn({ err }, 'the accelerators could not be measured');
      this.#areDevicesSilent = true;
      return undefined;
    }
  }

  #tellNode(usage: NodeUsage, { atMs, wallMs }: Moment): void {
    this.#node.add(usage.metrics, atMs);
    const devices: Record<string, Record<string, Metric>> = {};
    for (const [key, measured] of Object.entries(usage.devices)) {
      const books = this.#devices.get(key) ?? new Map<string, MetricBook>();
      this.#devices.set(key, books);
      for (const device of books.keys()) if (!(device in measured)) books.delete(device);
      const told: Record<string, Metric> = {};
      for (const [device, measurement] of Object.entries(measured)) {
        const book = books.get(device) ?? new MetricBook(nodeKinds);
        books.set(device, book);
        book.add({ [key]: measurement }, atMs);
        const metric = book.metrics()[key];
        if (metric !== undefined) told[device] = metric;
      }
      devices[key] = told;
    }
    const { node } = this.#options;
    this.#say({ of: 'node', node, atMs: wallMs, metrics: this.#node.metrics(), devices });
  }

  #tellKernels(
    usages: ReadonlyMap<string, KernelUsage>,
    {
      atMs,
      wallMs,
      accelerators,
    }: Moment & { readonly accelerators: AcceleratorUsage | undefined },
  ): void {
    for (const kernel of this.#kernels.keys())
      if (!usages.has(kernel)) this.#kernels.delete(kernel);
    const told = [...usages].map(([kernel, usage]) => {
      const book = this.#kernels.get(kernel) ?? new MetricBook(kernelKinds);
      this.#kernels.set(kernel, book);
      book.add({ ...measuredOf(usage), ...accelerators?.kernels.get(kernel) }, atMs);
      return [kernel, book.metrics()] as const;
    });
    const { node } = this.#options;
    for (let at = 0; at < told.length; at += KERNELS_A_MESSAGE_MAX) {
      const kernels = Object.fromEntries(told.slice(at, at + KERNELS_A_MESSAGE_MAX));
      this.#say({ of: 'kernels', node, atMs: wallMs, kernels });
    }
  }

  #say(message: StatisticsMessage): void {
    this.#options.live.publish(statisticsLive.of(this.#options.node), message);
  }
}

function withAccelerators(node: NodeUsage, used: AcceleratorUsage | undefined): NodeUsage {
  if (used === undefined) return node;
  return {
    metrics: { ...node.metrics, ...used.metrics },
    devices: { ...node.devices, ...used.devices },
  };
}

interface Moment {
  /** By the steady clock. */
  readonly atMs: number;
  readonly wallMs: number;
}

function measuredOf(usage: KernelUsage): Readonly<Record<string, Measured | undefined>> {
  const counted = (value: number | undefined): Measured | undefined =>
    value === undefined ? undefined : { value };
  return {
    cpu_util: { value: usage.cpuMs, capacity: CORE_MS_PER_SECOND },
    cpu_used: { value: usage.cpuMs },
    mem: { value: usage.memoryBytes, capacity: usage.memoryLimitBytes },
    net_rx: counted(usage.receivedBytes),
    net_tx: counted(usage.sentBytes),
    io_read: counted(usage.readBytes),
    io_write: counted(usage.writtenBytes),
  };
}
