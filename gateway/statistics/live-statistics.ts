import {
  type Clock,
  type LiveChannel,
  type Logger,
  type Metric,
  type Metrics,
  StatisticsMessage,
  statisticsLive,
} from '@orrery/bus';

/** What was not told for this long is not live any more. Milliseconds. */
const FRESH_MS_MAX = 120_000;
const KERNELS_MAX = 200_000;
const SWEEP_PERIOD_MS = 30_000;

export interface KernelStatistics {
  readonly kernel: string;
  readonly node: string;
  /** When the agent measured, by its clock. */
  readonly atMs: number;
  readonly metrics: Metrics;
}

export interface NodeStatistics {
  readonly node: string;
  readonly atMs: number;
  readonly metrics: Metrics;
  readonly devices: Readonly<Record<string, Readonly<Record<string, Metric>>>>;
}

type Listener = (statistics: KernelStatistics) => void;

/** What all agents measured last, as they said it. Nothing is asked for: a new gateway knows it within seconds. */
export class LiveStatistics {
  readonly #live: Pick<LiveChannel, 'subscribe'>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** In the order of hearing, so that the oldest come first. */
  readonly #kernels = new Map<string, KernelStatistics & { readonly heardMs: number }>();
  readonly #nodes = new Map<string, NodeStatistics & { readonly heardMs: number }>();
  readonly #listeners = new Map<string, Set<Listener>>();

  constructor({
    live,
    clock,
    logger,
  }: {
    readonly live: Pick<LiveChannel, 'subscribe'>;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#live = live;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Listens until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    const sweeping = this.#sweep(signal);
    let isTold = false;
    for await (const { subject, body } of this.#live.subscribe(statisticsLive.all, signal)) {
      const message = StatisticsMessage.safeParse(body);
      if (message.success) this.#take(message.data);
      else if (!isTold) {
        // An agent of another version; it will go on saying so every few seconds.
        this.#logger.warn({ err: message.error, subject }, 'statistics cannot be understood');
        isTold = true;
      }
    }
    await sweeping;
  }

  findKernel(kernel: string): KernelStatistics | undefined {
    return this.#fresh(this.#kernels.get(kernel));
  }

  findNode(node: string): NodeStatistics | undefined {
    return this.#fresh(this.#nodes.get(node));
  }

  /** Of all kernels that were measured lately. */
  *kernels(): Iterable<KernelStatistics> {
    for (const told of this.#kernels.values()) if (this.#fresh(told) !== undefined) yield told;
  }

  /** Of all nodes that were measured lately. */
  *nodes(): Iterable<NodeStatistics> {
    for (const told of this.#nodes.values()) if (this.#fresh(told) !== undefined) yield told;
  }

  /** Called with each new measurement of the kernel until disposed of. */
  onKernel(kernel: string, listener: Listener): Disposable {
    const listeners = this.#listeners.get(kernel) ?? new Set();
    this.#listeners.set(kernel, listeners.add(listener));
    return {
      [Symbol.dispose]: () => {
        listeners.delete(listener);
        if (listeners.size === 0 && this.#listeners.get(kernel) === listeners)
          this.#listeners.delete(kernel);
      },
    };
  }

  #take(message: StatisticsMessage): void {
    const heardMs = this.#clock.nowMs();
    const { node, atMs } = message;
    if (message.of === 'node') {
      const { metrics, devices } = message;
      this.#nodes.set(node, { node, atMs, metrics, devices, heardMs });
      return;
    }
    for (const [kernel, metrics] of Object.entries(message.kernels)) {
      const statistics = { kernel, node, atMs, metrics };
      this.#kernels.delete(kernel);
      this.#kernels.set(kernel, { ...statistics, heardMs });
      for (const listener of this.#listeners.get(kernel) ?? []) listener(statistics);
    }
  }

  async #sweep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(SWEEP_PERIOD_MS, signal).catch(() => undefined);
      const oldestMs = this.#clock.nowMs() - FRESH_MS_MAX;
      for (const [kernel, { heardMs }] of this.#kernels) {
        if (heardMs >= oldestMs && this.#kernels.size <= KERNELS_MAX) break;
        this.#kernels.delete(kernel);
      }
      for (const [node, { heardMs }] of this.#nodes)
        if (heardMs < oldestMs) this.#nodes.delete(node);
    }
  }

  #fresh<Told extends { readonly heardMs: number }>(told: Told | undefined): Told | undefined {
    if (told === undefined) return undefined;
    return this.#clock.nowMs() - told.heardMs > FRESH_MS_MAX ? undefined : told;
  }
}
