import type { Clock, KernelSpec, PullProgress } from '@orrery/bus';
import type {
  ContainerChange,
  ContainerDriver,
  ContainerExit,
  EngineCapacity,
  ExecProcess,
  ExecRequest,
  KernelContainer,
  KernelUsage,
  LocalImage,
  LogRequest,
  PortTarget,
  StartOrigin,
} from '../container-driver.ts';
import {
  ContainerCreateFailed,
  ContainerStartFailed,
  ImageNotFound,
  ImagePullFailed,
  KernelNotFound,
  KernelNotRunning,
  RunnerUnavailable,
  ScratchUnavailable,
} from '../errors.ts';
import type { LogChunk } from '../log-frames.ts';
import { Mailbox } from '../mailbox.ts';
import { SimulatedKernel } from './simulated-kernel.ts';
import { type Simulation, simulationOf } from './simulation.ts';

export const SIMULATED_IMAGE = 'simulated';

const CHANGES_WAITING_MAX = 100_000;
const CORES = 64;
const MEMORY_BYTES = 256 * 1024 ** 3;
const SCRIPTED = { cause: 'the simulation says so' };

export interface SimulatedDriverOptions {
  readonly clock: Clock;
  readonly defaults?: Partial<Simulation> | undefined;
  readonly capacity?: EngineCapacity | undefined;
}

/** Kernels that only take time. They are forgotten with the driver. */
export class SimulatedDriver implements ContainerDriver {
  readonly name = 'simulated';
  readonly #clock: Clock;
  readonly #defaults: Partial<Simulation>;
  readonly #capacity: EngineCapacity;
  readonly #kernels = new Map<string, SimulatedKernel>();
  readonly #followers = new Set<Mailbox<ContainerChange>>();
  readonly #pulled = new Set<string>();

  constructor(options: SimulatedDriverOptions) {
    this.#clock = options.clock;
    this.#defaults = options.defaults ?? {};
    this.#capacity = options.capacity ?? {
      cores: CORES,
      memoryBytes: MEMORY_BYTES,
      architecture: 'x86_64',
    };
  }

  places(): undefined {
    return undefined;
  }

  capacity(): Promise<EngineCapacity> {
    return Promise.resolve(this.#capacity);
  }

  images(): Promise<readonly LocalImage[]> {
    const { architecture } = this.#capacity;
    const facts = { digest: SIMULATED_IMAGE, architecture, sizeBytes: 0, labels: {} };
    return Promise.resolve([{ reference: SIMULATED_IMAGE, facts }]);
  }

  list(): Promise<readonly KernelContainer[]> {
    return Promise.resolve([...this.#kernels.values()].map((kernel) => kernel.container));
  }

  find(kernel: string): Promise<KernelContainer | undefined> {
    return Promise.resolve(this.#kernels.get(kernel)?.container);
  }

  async prepare(
    spec: KernelSpec,
    onPull: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<undefined> {
    const { failsAt, pullMs } = simulationOf(spec, this.#defaults);
    if (spec.image !== SIMULATED_IMAGE) throw new ImageNotFound(spec.image);
    if (failsAt === 'prepare') throw new ScratchUnavailable('/simulated', SCRIPTED);
    if (failsAt === 'pull') throw new ImagePullFailed(spec.image, SCRIPTED.cause);
    if (pullMs === 0 || this.#pulled.has(spec.image)) return undefined;
    onPull({ layersDone: 0, layersTotal: 1, bytesDone: 0 });
    await this.#clock.sleep(pullMs, signal);
    this.#pulled.add(spec.image);
    return undefined;
  }

  async start(
    spec: KernelSpec,
    origin: StartOrigin,
    signal: AbortSignal,
  ): Promise<KernelContainer> {
    const there = this.#kernels.get(spec.kernel);
    if (there !== undefined) return there.container;
    const simulation = simulationOf(spec, this.#defaults);
    if (simulation.failsAt === 'create') throw new ContainerCreateFailed(SCRIPTED.cause);
    if (simulation.startMs > 0) await this.#clock.sleep(simulation.startMs, signal);
    signal.throwIfAborted();
    if (simulation.failsAt === 'start') throw new ContainerStartFailed(SCRIPTED.cause);
    const kernel = new SimulatedKernel({ spec, origin, simulation, clock: this.#clock });
    this.#kernels.set(spec.kernel, kernel);
    kernel.run((exit) => {
      for (const follower of this.#followers)
        follower.push({ kind: 'exited', kernel: spec.kernel, exit });
    });
    return kernel.started;
  }

  async *follow(signal: AbortSignal): AsyncGenerator<ContainerChange> {
    const changes = new Mailbox<ContainerChange>(CHANGES_WAITING_MAX);
    signal.addEventListener('abort', () => changes.close(), { once: true });
    changes.push({ kind: 'resync' });
    this.#followers.add(changes);
    try {
      yield* changes;
    } finally {
      this.#followers.delete(changes);
    }
  }

  async *logs(
    { kernel, offsetBytes, mode }: LogRequest,
    signal: AbortSignal,
  ): AsyncGenerator<LogChunk> {
    const found = this.#kernels.get(kernel);
    if (found === undefined) throw new KernelNotFound(kernel);
    yield* found.log(offsetBytes);
    if (mode === 'followed') await found.ended(signal);
  }

  exec(request: ExecRequest): Promise<ExecProcess> {
    const found = this.#kernels.get(request.kernel);
    if (found === undefined) return Promise.reject(new KernelNotFound(request.kernel));
    if (found.container.state.phase !== 'running')
      return Promise.reject(new KernelNotRunning(request.kernel));
    return Promise.resolve(echo(request.command));
  }

  dial({ kernel }: PortTarget): Promise<never> {
    const isThere = this.#kernels.has(kernel);
    return Promise.reject(isThere ? new RunnerUnavailable(this.name) : new KernelNotFound(kernel));
  }

  async stop(
    { kernel, graceMs }: { readonly kernel: string; readonly graceMs: number },
    signal: AbortSignal,
  ): Promise<ContainerExit | undefined> {
    return this.#kernels.get(kernel)?.stop(graceMs, signal);
  }

  async remove(kernel: string, signal: AbortSignal): Promise<void> {
    await this.#kernels.get(kernel)?.stop(0, signal);
    this.#kernels.delete(kernel);
  }

  usage(kernels: readonly string[]): Promise<ReadonlyMap<string, KernelUsage>> {
    const usages = new Map<string, KernelUsage>();
    for (const kernel of kernels) {
      const usage = this.#kernels.get(kernel)?.usage();
      if (usage !== undefined) usages.set(kernel, usage);
    }
    return Promise.resolve(usages);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const kernel of this.#kernels.values()) kernel.abandon();
    for (const follower of this.#followers) follower.close();
    await Promise.resolve();
  }
}

/** A command that only says its own name. */
function echo(command: readonly string[]): ExecProcess {
  const bytes = Buffer.from(`${command.join(' ')}\n`);
  return {
    output: (async function* () {
      yield { source: 'stdout' as const, bytes, offsetBytes: 0 };
    })(),
    write: () => Promise.resolve(),
    endInput: () => undefined,
    resize: () => Promise.resolve(),
    waitForExit: () => Promise.resolve(0),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
