import type { Clock, KernelSpec } from '@orrery/bus';
import type {
  ContainerExit,
  KernelContainer,
  KernelUsage,
  StartOrigin,
} from '../container-driver.ts';
import type { LogChunk } from '../log-frames.ts';
import type { Simulation } from './simulation.ts';

const TERMINATED = 143;
const KILLED = 137;

/** Given as a reason so that none is made, with a stack, for every kernel. */
const ENDED = new Error('the program has ended');

/** One simulated container: an exit that comes, or is brought about. */
export class SimulatedKernel {
  readonly #spec: KernelSpec;
  readonly #origin: StartOrigin;
  readonly #simulation: Simulation;
  readonly #clock: Clock;
  readonly #startedAtMs: number;
  readonly #over = new AbortController();
  #exit: ContainerExit | undefined;
  #onExit: (exit: ContainerExit) => void = () => undefined;

  constructor(options: {
    readonly spec: KernelSpec;
    readonly origin: StartOrigin;
    readonly simulation: Simulation;
    readonly clock: Clock;
  }) {
    this.#spec = options.spec;
    this.#origin = options.origin;
    this.#simulation = options.simulation;
    this.#clock = options.clock;
    this.#startedAtMs = options.clock.nowMs();
  }

  get container(): KernelContainer {
    if (this.#exit === undefined) return this.started;
    return { ...this.started, state: { phase: 'exited', exit: this.#exit } };
  }

  /** As it was in the moment of its start. */
  get started(): KernelContainer {
    const { kernel, session, batchTimeoutMs } = this.#spec;
    return {
      id: `simulated-${kernel}`,
      kernel,
      session,
      wishRevision: this.#origin.wishRevision,
      traceparent: this.#origin.traceparent,
      batchTimeoutMs,
      devices: this.#origin.grant,
      state: { phase: 'running', startedAtMs: this.#startedAtMs },
    };
  }

  /** As much of what it was promised as the simulation says. Undefined when it has ended. */
  usage(): KernelUsage | undefined {
    if (this.#exit !== undefined) return undefined;
    const { cpu = '0', mem = '0' } = this.#spec.slots;
    const { load } = this.#simulation;
    const elapsedMs = Math.max(0, this.#clock.nowMs() - this.#startedAtMs);
    const memoryLimitBytes = Number(mem);
    return {
      cpuMs: elapsedMs * Number(cpu) * load,
      memoryBytes: Math.round(memoryLimitBytes * load),
      memoryLimitBytes,
    };
  }

  run(onExit: (exit: ContainerExit) => void): void {
    this.#onExit = onExit;
    const { runMs, exitCode, wasOutOfMemory } = this.#simulation;
    if (runMs === null || runMs === undefined) return;
    this.#clock.sleep(runMs, this.#over.signal).then(
      () => this.#end(exitCode, wasOutOfMemory),
      () => undefined,
    );
  }

  *log(fromBytes: number): Generator<LogChunk> {
    let offsetBytes = 0;
    for (const source of ['stdout', 'stderr'] as const) {
      const all = Buffer.from(this.#simulation[source]);
      const bytes = all.subarray(Math.max(0, fromBytes - offsetBytes));
      if (bytes.length > 0)
        yield { source, bytes, offsetBytes: offsetBytes + all.length - bytes.length };
      offsetBytes += all.length;
    }
  }

  async ended(signal: AbortSignal): Promise<void> {
    if (this.#exit !== undefined) return;
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      this.#over.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async stop(graceMs: number, signal: AbortSignal): Promise<ContainerExit> {
    if (this.#exit !== undefined) return this.#exit;
    const { stopMs } = this.#simulation;
    const takesMs = Math.min(graceMs, stopMs);
    if (takesMs > 0) await this.#clock.sleep(takesMs, signal);
    return this.#end(graceMs > 0 && stopMs <= graceMs ? TERMINATED : KILLED, false);
  }

  /** Nobody waits for it any more. */
  abandon(): void {
    this.#onExit = () => undefined;
    this.#over.abort(new Error('the simulation is over'));
  }

  #end(exitCode: number, wasOutOfMemory: boolean): ContainerExit {
    if (this.#exit !== undefined) return this.#exit;
    this.#exit = { exitCode, wasOutOfMemory, finishedAtMs: this.#clock.nowMs() };
    this.#over.abort(ENDED);
    this.#onExit(this.#exit);
    return this.#exit;
  }
}
