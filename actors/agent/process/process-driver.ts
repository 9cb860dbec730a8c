import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, watch } from 'node:fs';
import { availableParallelism, machine, totalmem } from 'node:os';
import { createInterface } from 'node:readline';
import type { Duplex, Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Clock, KernelSpec, Logger } from '@orrery/bus';
import { z } from 'zod';
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
import {
  CommandNotFound,
  ContainerStartFailed,
  ContainerWillNotStop,
  ImageNotFound,
  KernelNotFound,
  KernelNotRunning,
} from '../errors.ts';
import { kernelCommand, kernelEnviron } from '../kernel-environ.ts';
import type { LogChunk } from '../log-frames.ts';
import { Mailbox } from '../mailbox.ts';
import { dialHere } from '../ports/dial-here.ts';
import { resourceText } from '../resource-text.ts';
import { runnerDirectory } from '../runs/runner-files.ts';
import { Scratch } from '../scratch.ts';
import { exitsDirectory, kernelFiles, type Launch, writeWhole } from './kernel-files.ts';
import {
  findKernel,
  findLaunch,
  findProgram,
  type KernelFacts,
  kernelsIn,
} from './kernel-state.ts';
import { ChildExec } from './process-exec.ts';
import { isAlive, killAll, processesOf, signalProcess, treeUsage } from './process-tree.ts';
import { readLog } from './segmented-log.ts';

/** The only image there is: the machine itself. */
export const HOST_IMAGE = 'host';

const CHANGES_WAITING_MAX = 10_000;
/** How often it is looked whether a supervisor went without a word. */
const LIVENESS_PERIOD_MS = 2_000;
const START_MS_MAX = 30_000;
const KILL_MS_MAX = 30_000;
const EXIT_STEP_MS = 10;

const SupervisorWord = z.union([
  z.object({ startedAtMs: z.number() }),
  z.object({ failed: z.string() }),
]);

export interface ProcessDriverOptions {
  /** State and scratch of this node's kernels; another node has another one. */
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What programs get from the machine: never all of the agent's own environment. */
  readonly environ: Readonly<Record<string, string>>;
}

/** Kernels as plain processes: limits are watched, and nothing is isolated from anything. */
export class ProcessDriver implements ContainerDriver {
  readonly name = 'process';
  readonly #options: ProcessDriverOptions;
  readonly #stateRoot: string;
  readonly #scratch: Scratch;

  constructor(options: ProcessDriverOptions) {
    this.#options = options;
    this.#stateRoot = `${options.directory}/state`;
    this.#scratch = new Scratch(`${options.directory}/scratch`);
    mkdirSync(exitsDirectory(this.#stateRoot), { recursive: true, mode: 0o700 });
  }

  capacity(): Promise<EngineCapacity> {
    const architecture = machine() === 'arm64' ? 'aarch64' : machine();
    const cores = availableParallelism();
    return Promise.resolve({ cores, memoryBytes: totalmem(), architecture });
  }

  async images(): Promise<readonly LocalImage[]> {
    const { architecture } = await this.capacity();
    const facts = { digest: HOST_IMAGE, architecture, sizeBytes: 0, labels: {} };
    return [{ reference: HOST_IMAGE, facts }];
  }

  places(kernel: string): KernelPlaces {
    const { work, runs } = this.#scratch.paths(kernel);
    return { work, runs, runner: runnerDirectory, home: work };
  }

  list(): Promise<readonly KernelContainer[]> {
    const found = kernelsIn(this.#stateRoot).map((kernel) => findKernel(this.#stateRoot, kernel));
    return Promise.resolve(found.filter((container) => container !== undefined));
  }

  find(kernel: string): Promise<KernelContainer | undefined> {
    return Promise.resolve(findKernel(this.#stateRoot, kernel));
  }

  async prepare(spec: KernelSpec): Promise<undefined> {
    if (spec.image !== HOST_IMAGE) throw new ImageNotFound(spec.image);
    await this.#scratch.make(spec);
    return undefined;
  }

  async start(
    spec: KernelSpec,
    origin: StartOrigin,
    signal: AbortSignal,
  ): Promise<KernelContainer> {
    signal.throwIfAborted();
    const there = findKernel(this.#stateRoot, spec.kernel);
    if (there !== undefined && there.state.phase !== 'created') return there;
    await this.#writeFiles(spec, origin);
    const word = await this.#startSupervisor(spec.kernel);
    if ('failed' in word && word.failed !== 'EEXIST') {
      await this.#forget(spec.kernel);
      const [program = ''] = kernelCommand(spec);
      if (word.failed === 'ENOENT') throw new CommandNotFound(program, 'No such file or directory');
      throw new ContainerStartFailed(`${program}: ${word.failed}`);
    }
    const started = findKernel(this.#stateRoot, spec.kernel);
    if (started === undefined) throw new ContainerStartFailed('its files are gone');
    return started;
  }

  async *follow(signal: AbortSignal): AsyncGenerator<ContainerChange> {
    const changes = new Mailbox<ContainerChange>(CHANGES_WAITING_MAX);
    const told = new Set<string>();
    const look = (kernel: string): void => {
      const found = findKernel(this.#stateRoot, kernel);
      if (found === undefined) told.delete(kernel);
      if (found?.state.phase !== 'exited' || told.has(kernel)) return;
      told.add(kernel);
      changes.push({ kind: 'exited', kernel, exit: found.state.exit });
    };
    const watcher = watch(exitsDirectory(this.#stateRoot), (_, kernel) => {
      if (kernel !== null) look(kernel);
    });
    watcher.on('error', (cause) => changes.close(cause));
    signal.addEventListener('abort', () => changes.close(), { once: true });
    const stopper = new AbortController();
    const watching = this.#watchLiveness(look, AbortSignal.any([signal, stopper.signal]));
    changes.push({ kind: 'resync' });
    try {
      yield* changes;
    } finally {
      watcher.close();
      stopper.abort(new Error('nobody follows any more'));
      await watching;
    }
  }

  async *logs(request: LogRequest, signal: AbortSignal): AsyncGenerator<LogChunk> {
    const { kernel, offsetBytes, mode } = request;
    if (findKernel(this.#stateRoot, kernel) === undefined) throw new KernelNotFound(kernel);
    const { log } = kernelFiles(this.#stateRoot, kernel);
    const isOver = (): boolean =>
      mode === 'so-far' || findKernel(this.#stateRoot, kernel)?.state.phase !== 'running';
    try {
      yield* readLog(log, { offsetBytes, isOver }, signal);
    } catch (cause) {
      // Its files are removed while they are read; what was kept goes on from there.
      if (isMissing(cause)) throw new KernelNotFound(kernel, { cause });
      throw cause;
    }
  }

  async exec(request: ExecRequest, signal: AbortSignal): Promise<ExecProcess> {
    signal.throwIfAborted();
    const found = findKernel(this.#stateRoot, request.kernel);
    if (found === undefined) throw new KernelNotFound(request.kernel);
    const launch = findLaunch(this.#stateRoot, request.kernel);
    if (found.state.phase !== 'running' || launch === undefined)
      throw new KernelNotRunning(request.kernel);
    return ChildExec.start({
      command: request.command,
      environ: { ...launch.environ, ...request.environ },
      directory: launch.directory,
      terminal: request.terminal,
    });
  }

  async dial({ kernel, port }: PortTarget, signal: AbortSignal): Promise<Duplex> {
    const found = findKernel(this.#stateRoot, kernel);
    if (found === undefined) throw new KernelNotFound(kernel);
    if (found.state.phase !== 'running') throw new KernelNotRunning(kernel);
    return dialHere(port, signal);
  }

  async stop(
    { kernel, graceMs }: { readonly kernel: string; readonly graceMs: number },
    signal: AbortSignal,
  ): Promise<ContainerExit | undefined> {
    const found = findKernel(this.#stateRoot, kernel);
    if (found === undefined) return undefined;
    if (found.state.phase === 'exited') return found.state.exit;
    const program = findProgram(this.#stateRoot, kernel)?.identity;
    const isThere = program !== undefined && isAlive(program);
    if (isThere && graceMs > 0) {
      signalProcess(-program.pid, 'SIGTERM');
      const exit = await this.#exitWithin(kernel, graceMs, signal);
      if (exit !== undefined) return exit;
    }
    if (isThere) signalProcess(-program.pid, 'SIGKILL');
    killAll(processesOf(kernel));
    const exit = await this.#exitWithin(kernel, KILL_MS_MAX, signal);
    if (exit === undefined) throw new ContainerWillNotStop(kernel, KILL_MS_MAX);
    return exit;
  }

  async remove(kernel: string, signal: AbortSignal): Promise<void> {
    const found = findKernel(this.#stateRoot, kernel);
    if (found?.state.phase === 'running') await this.stop({ kernel, graceMs: 0 }, signal);
    await this.#forget(kernel);
  }

  /** There is no network of its own to be counted. */
  usage(kernels: readonly string[]): Promise<ReadonlyMap<string, KernelUsage>> {
    const usages = new Map<string, KernelUsage>();
    for (const kernel of kernels) {
      const program = findProgram(this.#stateRoot, kernel)?.identity;
      if (program === undefined || !isAlive(program)) continue;
      const { memoryBytes } = findLaunch(this.#stateRoot, kernel) ?? {};
      usages.set(kernel, { ...treeUsage(program.pid), memoryLimitBytes: memoryBytes });
    }
    return Promise.resolve(usages);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
  }

  async #writeFiles(spec: KernelSpec, origin: StartOrigin): Promise<void> {
    const files = kernelFiles(this.#stateRoot, spec.kernel);
    const paths = await this.#scratch.make(spec);
    mkdirSync(files.root, { recursive: true, mode: 0o700 });
    const { mem } = spec.slots;
    const { grant } = origin;
    const seen = { home: paths.work, config: paths.config };
    const environ = kernelEnviron(spec, seen, { grant });
    const resources = resourceText(spec, grant, []);
    await this.#scratch.describe(spec.kernel, { environ, resources });
    await this.#scratch.addContainer(spec.kernel, spec.kernel);
    const launch: Launch = {
      kernel: spec.kernel,
      command: kernelCommand(spec),
      environ: {
        ...this.#options.environ,
        ...environ,
      },
      directory: paths.work,
      memoryBytes: mem === undefined ? undefined : Number(mem),
    };
    writeWhole(files.launch, launch);
    const facts: KernelFacts = {
      kernel: spec.kernel,
      session: spec.session,
      wishRevision: origin.wishRevision,
      traceparent: origin.traceparent,
      batchTimeoutMs: spec.batchTimeoutMs,
      createdAtMs: this.#options.clock.nowMs(),
      devices: grant && { allocations: grant.allocations, held: grant.held },
    };
    writeWhole(files.kernel, facts);
  }

  async #startSupervisor(kernel: string): Promise<z.infer<typeof SupervisorWord>> {
    const program = fileURLToPath(new URL('supervisor.ts', import.meta.url));
    const child = spawn(process.execPath, [program, this.#stateRoot, kernel], {
      cwd: '/',
      env: { ...this.#options.environ },
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    child.unref();
    const failed = new Promise<never>((_, reject) => child.once('error', reject));
    // The fourth of the child's files, a pipe as asked for above.
    const word = child.stdio[3] as Readable;
    const late = AbortSignal.timeout(START_MS_MAX);
    try {
      const line = await Promise.race([firstLine(word, late), failed]);
      return SupervisorWord.parse(JSON.parse(line));
    } catch (cause) {
      throw new ContainerStartFailed('its supervisor said nothing', { cause });
    } finally {
      word.destroy();
    }
  }

  async #exitWithin(
    kernel: string,
    withinMs: number,
    signal: AbortSignal,
  ): Promise<ContainerExit | undefined> {
    const { clock } = this.#options;
    const deadlineMs = clock.nowMs() + withinMs;
    for (;;) {
      const found = findKernel(this.#stateRoot, kernel);
      if (found?.state.phase === 'exited') return found.state.exit;
      if (clock.nowMs() >= deadlineMs) return undefined;
      await clock.sleep(EXIT_STEP_MS, signal);
    }
  }

  async #watchLiveness(look: (kernel: string) => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.clock.sleep(LIVENESS_PERIOD_MS, signal).catch(() => undefined);
      if (!signal.aborted) for (const kernel of kernelsIn(this.#stateRoot)) look(kernel);
    }
  }

  async #forget(kernel: string): Promise<void> {
    const files = kernelFiles(this.#stateRoot, kernel);
    if (existsSync(files.root)) killAll(processesOf(kernel));
    rmSync(files.root, { recursive: true, force: true });
    rmSync(files.notice, { force: true });
    try {
      await this.#scratch.remove(kernel);
    } catch (err) {
      this.#options.logger.warn({ err, kernel }, 'the scratch space could not be removed');
    }
  }
}

async function firstLine(stream: Readable, signal: AbortSignal): Promise<string> {
  for await (const line of createInterface({ input: stream, signal })) return line;
  throw new Error('the stream ended without a line');
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
