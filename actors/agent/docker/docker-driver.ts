import type { Duplex } from 'node:stream';
import type { Clock, KernelEndpoint, KernelSpec, Logger, PullProgress } from '@orrery/bus';
import type Docker from 'dockerode';
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
  ContainerCreateFailed,
  ContainerNameTaken,
  ContainerStartFailed,
  ContainerWillNotStop,
  DiskFull,
  EngineRefused,
  ImageNotFound,
  LimitRefused,
} from '../errors.ts';
import { decodeFrames, FrameDecoder, type LogChunk } from '../log-frames.ts';
import { clusterKey } from '../networks/cluster-ssh.ts';
import { Scratch } from '../scratch.ts';
import { abortable } from './abortable.ts';
import { ContainerEvents } from './container-events.ts';
import {
  containerName,
  containerOptions,
  type EngineTraits,
  insideContainer,
  type Ownership,
} from './container-options.ts';
import { ContainerPorts } from './container-ports.ts';
import { ContainerUsages } from './container-usage.ts';
import { openExec } from './docker-exec.ts';
import { DockerNetworks } from './docker-networks.ts';
import { callEngine, ENGINE_CALL_MS_MAX } from './engine.ts';
import { whileAnswering } from './engine-watch.ts';
import { hostTraits } from './host-traits.ts';
import type { ImageRoom } from './image-room.ts';
import { type ImageStore, isImageMissing } from './image-store.ts';
import { writeSurroundings } from './kernel-surroundings.ts';
import { type ImageOptions, openImages } from './open-images.ts';
import { OwnContainers } from './own-containers.ts';
import { containerUlimits, ownLimits } from './process-limits.ts';
import { startContainer } from './start-container.ts';

type CreateOptions = Docker.ContainerCreateOptions;

const KILL_MS_MAX = 30_000;
/** The engine tells it in prose only. */
const NO_SPACE = /no space left on device/i;

export interface DockerOptions {
  readonly docker: Docker;
  readonly owner: Ownership;
  readonly scratchRoot: string;
  readonly images: ImageOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  /** User and group this agent runs as; undefined: root. */
  readonly user?: string | undefined;
  /** `uid:gid` of programs whose image lets them have any. */
  readonly kernelUser?: string | undefined;
  /** By which the other nodes reach this one. */
  readonly address?: string | undefined;
  /** Absent: as root it does. */
  readonly entersNetworks?: boolean | undefined;
}

/** @throws {EngineUnavailable} when no engine answers before the signal fires. */
export async function connectDocker(
  options: DockerOptions,
  signal: AbortSignal,
): Promise<ContainerDriver> {
  const told = await callEngine('saying hello', signal, () => options.docker.info());
  const isRootless = JSON.stringify(told.SecurityOptions ?? []).includes('name=rootless');
  const capacity: EngineCapacity = {
    cores: Number(told.NCPU),
    memoryBytes: Number(told.MemTotal),
    architecture: String(told.Architecture),
    runtimes: Object.keys(told.Runtimes ?? {}),
    root: typeof told.DockerRootDir === 'string' ? told.DockerRootDir : undefined,
  };
  return new DockerDriver(options, capacity, {
    cores: capacity.cores,
    hasCpusets: told.CPUSet !== false,
    ...hostTraits('/'),
    user: isRootless ? undefined : options.user,
    ulimits: isRootless ? [] : containerUlimits(await ownLimits()),
  });
}

class DockerDriver implements ContainerDriver {
  readonly name = 'docker';
  readonly networks: DockerNetworks;
  readonly #docker: Docker;
  readonly #options: DockerOptions;
  readonly #capacity: EngineCapacity;
  readonly #traits: EngineTraits;
  readonly #scratch: Scratch;
  readonly #images: ImageStore;
  readonly #room: ImageRoom;
  readonly #events: ContainerEvents;
  readonly #containers: OwnContainers;
  readonly #usages: ContainerUsages;
  readonly #ports: ContainerPorts;

  constructor(options: DockerOptions, capacity: EngineCapacity, traits: EngineTraits) {
    const { docker, owner, clock, logger } = options;
    this.#docker = docker;
    this.#options = options;
    this.#capacity = capacity;
    this.#traits = traits;
    this.#scratch = new Scratch(options.scratchRoot);
    this.networks = new DockerNetworks({ docker, owner, address: options.address });
    this.#usages = new ContainerUsages(docker);
    const { architecture, root } = capacity;
    const opened = openImages(options.images, { docker, clock, logger, architecture, root });
    this.#images = opened.images;
    this.#room = opened.room;
    this.#containers = new OwnContainers({
      docker,
      owner,
      clock,
      wasOomSeen: (id) => this.#events.wasOomSeen(id),
      onMet: (id, pid) => this.#usages.met(id, pid),
    });
    this.#ports = new ContainerPorts({
      docker,
      clock,
      logger,
      entersNetworks: options.entersNetworks ?? process.getuid?.() === 0,
      containerOf: (kernel, signal) => this.#containers.getId(kernel, signal),
      exec: (request, signal) => this.exec(request, signal),
    });
    this.#events = new ContainerEvents({
      docker,
      owner,
      clock,
      logger,
      onExit: (event) => this.#containers.exitOf(event),
      onImageChange: () => this.#images.forget(),
    });
  }

  capacity(): Promise<EngineCapacity> {
    return Promise.resolve(this.#capacity);
  }

  async answer(abortSignal: AbortSignal): Promise<void> {
    await this.#docker.listContainers({ limit: 1, abortSignal });
  }

  images(signal: AbortSignal): Promise<readonly LocalImage[]> {
    return this.#images.list(signal);
  }

  tidy(signal: AbortSignal): Promise<void> {
    return this.#room.keep(signal);
  }

  places(kernel: string): KernelPlaces {
    const { work, runs } = this.#scratch.paths(kernel);
    return { work, runs, runner: insideContainer.runner, home: insideContainer.home };
  }

  follow(signal: AbortSignal): AsyncIterable<ContainerChange> {
    return this.#events.follow(signal);
  }

  async list(signal: AbortSignal): Promise<readonly KernelContainer[]> {
    return this.#containers.listed([], signal);
  }

  find(kernel: string, signal: AbortSignal): Promise<KernelContainer | undefined> {
    return this.#containers.find(kernel, signal);
  }

  async prepare(
    spec: KernelSpec,
    onPull: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<KernelEndpoint | undefined> {
    await whileAnswering(this.#options, signal, (limited) =>
      this.#images.prepare(spec.image, onPull, limited),
    );
    const { config } = await this.#scratch.make(spec);
    if (spec.network === undefined) return undefined;
    const { address } = this.#options;
    const sshPublicKey = await clusterKey(config);
    if (spec.network.driver !== 'host' || address === undefined) return { sshPublicKey };
    return { sshPublicKey, address };
  }

  async start(
    spec: KernelSpec,
    origin: StartOrigin,
    signal: AbortSignal,
  ): Promise<KernelContainer> {
    signal.throwIfAborted();
    const { owner, scratchRoot } = this.#options;
    const surroundings = await writeSurroundings(spec, {
      scratch: this.#scratch,
      scratchRoot,
      grant: origin.grant,
      image: this.#images.traitsOf(spec.image),
      users: { forced: this.#traits.user, mapped: this.#options.kernelUser },
      hostMounts: this.#traits.hostMounts,
      gatewaySubnet:
        spec.network?.driver === 'overlay' ? await this.networks.gatewaySubnet(signal) : undefined,
    });
    const traits = this.#traits;
    const options = containerOptions({ spec, origin, owner, traits, ...surroundings });
    // From here on the signal is not heard: half a request is worse than a late answer.
    return await whileAnswering(this.#options, AbortSignal.timeout(ENGINE_CALL_MS_MAX), (bounded) =>
      this.#run(spec, { origin, options }, bounded),
    );
  }

  async #run(
    spec: KernelSpec,
    { origin, options }: { readonly origin: StartOrigin; readonly options: CreateOptions },
    bounded: AbortSignal,
  ): Promise<KernelContainer> {
    const created = await this.#create(spec, options, bounded);
    if (typeof created !== 'string') {
      if (created.state.phase !== 'created') return created;
      await this.#startCreated(spec, created.id, bounded);
      return this.#started(spec, created.id, { ...origin, wishRevision: created.wishRevision });
    }
    await this.#startCreated(spec, created, bounded);
    return this.#started(spec, created, origin);
  }

  async *logs(request: LogRequest, signal: AbortSignal): AsyncGenerator<LogChunk> {
    const id = await this.#containers.getId(request.kernel, signal);
    const decoder = new FrameDecoder(request.offsetBytes);
    const streams = { stdout: true, stderr: true, abortSignal: signal } as const;
    const container = this.#docker.getContainer(id);
    if (request.mode === 'so-far') {
      const all = await callEngine('reading a log', signal, () => container.logs(streams));
      yield* decoder.push(all);
      return;
    }
    const stream = await callEngine('following a log', signal, () =>
      container.logs({ ...streams, follow: true }),
    );
    yield* decodeFrames(abortable(stream, signal), decoder);
  }

  async exec(request: ExecRequest, signal: AbortSignal): Promise<ExecProcess> {
    const containerId = await this.#containers.getId(request.kernel, signal);
    const { clock } = this.#options;
    return await openExec({ docker: this.#docker, clock, containerId }, request, signal);
  }

  dial(target: PortTarget, signal: AbortSignal): Promise<Duplex> {
    return this.#ports.dial(target, signal);
  }

  async stop(
    target: { readonly kernel: string; readonly graceMs: number },
    signal: AbortSignal,
  ): Promise<ContainerExit | undefined> {
    const found = await this.find(target.kernel, signal);
    if (found === undefined) return undefined;
    if (found.state.phase === 'exited') return found.state.exit;
    this.#containers.stopping.add(found.id);
    const container = this.#docker.getContainer(found.id);
    const stopper = new AbortController();
    const limited = AbortSignal.any([signal, stopper.signal]);
    try {
      const ended = container.wait({ abortSignal: limited }).then(() => 'ended' as const);
      ended.catch(() => undefined);
      const within = (ms: number) =>
        Promise.race([ended, this.#options.clock.sleep(ms, limited).then(() => 'late' as const)]);
      if (target.graceMs > 0) await this.#containers.signal(found.id, 'SIGTERM', signal);
      const outcome = target.graceMs > 0 ? await within(target.graceMs) : 'late';
      if (outcome === 'late') {
        await this.#containers.signal(found.id, 'SIGKILL', signal);
        if ((await within(KILL_MS_MAX)) === 'late')
          throw new ContainerWillNotStop(target.kernel, KILL_MS_MAX);
      }
    } catch (cause) {
      signal.throwIfAborted();
      // A container that is removed by someone else while we wait has ended, too.
      const isGone = (await this.#containers.inspect(found.id, signal)) === undefined;
      if (!isGone) throw cause;
    } finally {
      stopper.abort(new Error('the stop is over'));
    }
    const ended = await this.#containers.inspect(found.id, signal);
    return ended?.state.phase === 'exited' ? ended.state.exit : UNSEEN_EXIT;
  }

  async remove(kernel: string, signal: AbortSignal): Promise<void> {
    const found = await this.find(kernel, signal);
    if (found !== undefined) await this.#containers.remove(found.id, signal);
    this.#containers.idByKernel.delete(kernel);
    try {
      await this.#scratch.remove(kernel);
    } catch (err) {
      // What a container left behind must not keep its kernel from ending.
      this.#options.logger.warn({ err, kernel }, 'the scratch space could not be removed');
    }
  }

  async usage(
    kernels: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, KernelUsage>> {
    const containers = new Map<string, string>();
    for (const kernel of kernels) {
      const id = this.#containers.idByKernel.get(kernel);
      if (id !== undefined) containers.set(kernel, id);
    }
    return this.#usages.read(containers, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#images[Symbol.dispose]();
    this.#ports[Symbol.dispose]();
    await Promise.resolve();
  }

  /** The id of the new container, or the one that is there already under its name. */
  async #create(
    spec: KernelSpec,
    options: CreateOptions,
    signal: AbortSignal,
  ): Promise<string | KernelContainer> {
    try {
      const made = await callEngine('creating a container', signal, (limited) =>
        this.#docker.createContainer({ ...options, abortSignal: limited }),
      );
      this.#containers.idByKernel.set(spec.kernel, made.id);
      return made.id;
    } catch (cause) {
      if (!(cause instanceof EngineRefused)) throw cause;
      if (cause.status === 409) {
        this.#containers.idByKernel.delete(spec.kernel);
        const there = await this.find(spec.kernel, signal);
        if (there !== undefined) return there;
        throw new ContainerNameTaken(containerName(spec));
      }
      if (isImageMissing(cause)) {
        this.#images.forget(spec.image);
        throw new ImageNotFound(spec.image, { cause });
      }
      if (NO_SPACE.test(cause.why)) throw new DiskFull('create', { cause });
      if (/memory|cpus?\b|pids|ulimit/i.test(cause.why))
        throw new LimitRefused(cause.why, { cause });
      throw new ContainerCreateFailed(cause.why, { cause });
    }
  }

  async #startCreated(spec: KernelSpec, id: string, signal: AbortSignal): Promise<void> {
    await this.#scratch.addContainer(spec.kernel, id);
    try {
      const isInOverlay = spec.network?.driver === 'overlay';
      const { clock } = this.#options;
      await startContainer(this.#docker.getContainer(id), { clock, isInOverlay }, signal);
    } catch (cause) {
      if (cause instanceof EngineRefused && cause.status === 304) return;
      if (!(cause instanceof EngineRefused)) throw cause;
      await this.#containers.remove(id, signal);
      this.#containers.idByKernel.delete(spec.kernel);
      if (NO_SPACE.test(cause.why)) throw new DiskFull('start', { cause });
      throw new ContainerStartFailed(cause.why, { cause });
    }
  }

  #started(spec: KernelSpec, id: string, origin: StartOrigin): KernelContainer {
    return {
      id,
      kernel: spec.kernel,
      session: spec.session,
      wishRevision: origin.wishRevision,
      traceparent: origin.traceparent,
      batchTimeoutMs: spec.batchTimeoutMs,
      devices: origin.grant,
      // Asking the engine for its own time would cost a round trip on the way to running.
      state: { phase: 'running', startedAtMs: this.#options.clock.nowMs() },
    };
  }
}

const UNSEEN_EXIT: ContainerExit = { exitCode: null, wasOutOfMemory: false, finishedAtMs: null };
