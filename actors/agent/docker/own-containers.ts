import type { Clock } from '@orrery/bus';
import type Docker from 'dockerode';
import type { ContainerExit, KernelContainer } from '../container-driver.ts';
import { EngineRefused, KernelNotFound } from '../errors.ts';
import { FrameDecoder } from '../log-frames.ts';
import type { ExitEvent } from './container-events.ts';
import {
  containerExit,
  findStartFailure,
  InspectedContainer,
  kernelContainer,
  ListedContainer,
  mayBeStartFailure,
} from './container-facts.ts';
import { labels, type Ownership } from './container-options.ts';
import { callEngine, ENGINE_CALL_MS_MAX, unlessMissing } from './engine.ts';

const INSPECTIONS_AT_ONCE_MAX = 16;
const REMOVE_MS_MAX = 60_000;
const REMOVE_STEP_MS = 50;
/** How long an engine may take to tell that memory ran out, after it told of the kill. */
const OOM_NOTICE_MS_MAX = 250;
const KILLED = 137;

/** The containers of one node as the engine knows them: finding, looking, signalling, removing. */
export class OwnContainers {
  readonly idByKernel = new Map<string, string>();
  /** Containers that are being stopped: a kill there is no want of memory. */
  readonly stopping = new Set<string>();
  readonly #docker: Docker;
  readonly #owner: Ownership;
  readonly #clock: Clock;
  readonly #wasOomSeen: (containerId: string) => boolean;
  readonly #onMet: (containerId: string, pid: number) => void;

  constructor(options: {
    readonly docker: Docker;
    readonly owner: Ownership;
    readonly clock: Clock;
    readonly wasOomSeen: (containerId: string) => boolean;
    /** Called with the first process of whatever was looked at; 0: it does not run. */
    readonly onMet: (containerId: string, pid: number) => void;
  }) {
    this.#docker = options.docker;
    this.#owner = options.owner;
    this.#clock = options.clock;
    this.#wasOomSeen = options.wasOomSeen;
    this.#onMet = options.onMet;
  }

  async listed(
    moreLabels: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly KernelContainer[]> {
    const { node, installation } = this.#owner;
    const label = [
      `${labels.node}=${node}`,
      `${labels.installation}=${installation}`,
      ...moreLabels,
    ];
    const told = await callEngine('listing containers', signal, (limited) =>
      this.#docker.listContainers({ all: true, filters: { label }, abortSignal: limited }),
    );
    const ids = ListedContainer.array()
      .parse(told)
      .map(({ Id }) => Id);
    const found: KernelContainer[] = [];
    for (let at = 0; at < ids.length; at += INSPECTIONS_AT_ONCE_MAX) {
      const some = ids.slice(at, at + INSPECTIONS_AT_ONCE_MAX);
      const inspected = await Promise.all(some.map((id) => this.inspect(id, signal)));
      found.push(...inspected.filter((container) => container !== undefined));
    }
    return found;
  }

  async find(kernel: string, signal: AbortSignal): Promise<KernelContainer | undefined> {
    const id = this.idByKernel.get(kernel);
    if (id !== undefined) return this.inspect(id, signal);
    const [found] = await this.listed([`${labels.kernel}=${kernel}`], signal);
    return found;
  }

  async inspect(id: string, signal: AbortSignal): Promise<KernelContainer | undefined> {
    const told = await unlessMissing(
      callEngine('looking at a container', signal, (limited) =>
        this.#docker.getContainer(id).inspect({ abortSignal: limited }),
      ),
    );
    if (told === undefined) return undefined;
    const inspected = InspectedContainer.parse(told);
    const exit = containerExit(inspected, this.#wasOomSeen(id));
    const described = await this.#withStartFailure(inspected, exit, signal);
    const container = kernelContainer(inspected, described);
    if (container !== undefined) this.idByKernel.set(container.kernel, container.id);
    this.#onMet(id, inspected.State.Pid);
    return container;
  }

  /** The init in the container runs the program, so that a program that is not there is an exit. */
  async #withStartFailure(
    inspected: InspectedContainer,
    exit: ContainerExit,
    signal: AbortSignal,
  ): Promise<ContainerExit> {
    if (inspected.State.Running || inspected.State.Status === 'created') return exit;
    if (!mayBeStartFailure(exit)) return exit;
    const log = { stdout: '', stderr: '' };
    const all = await unlessMissing(
      callEngine('reading a log', signal, (limited) =>
        this.#docker
          .getContainer(inspected.Id)
          .logs({ stdout: true, stderr: true, tail: 2, abortSignal: limited }),
      ),
    );
    for (const { source, bytes } of new FrameDecoder().push(all ?? Buffer.alloc(0)))
      log[source] += bytes.toString();
    return { ...exit, startFailure: findStartFailure(log) };
  }

  async exitOf({ containerId, exitCode, atMs }: ExitEvent): Promise<ContainerExit> {
    const signal = AbortSignal.timeout(ENGINE_CALL_MS_MAX);
    const look = async (): Promise<ContainerExit | undefined> => {
      const container = await this.inspect(containerId, signal);
      return container?.state.phase === 'exited' ? container.state.exit : undefined;
    };
    let exit = await look();
    const isKilled = exitCode === KILLED && !this.stopping.has(containerId);
    if (exit !== undefined && isKilled && !exit.wasOutOfMemory) {
      await this.#clock.sleep(OOM_NOTICE_MS_MAX, signal);
      exit = (await look()) ?? exit;
    }
    this.stopping.delete(containerId);
    return exit ?? { exitCode, wasOutOfMemory: false, finishedAtMs: atMs };
  }

  async getId(kernel: string, signal: AbortSignal): Promise<string> {
    const found = this.idByKernel.get(kernel) ?? (await this.find(kernel, signal))?.id;
    if (found === undefined) throw new KernelNotFound(kernel);
    return found;
  }

  async signal(id: string, name: 'SIGTERM' | 'SIGKILL', signal: AbortSignal): Promise<void> {
    try {
      await callEngine('signalling a container', signal, (limited) =>
        this.#docker.getContainer(id).kill({ signal: name, abortSignal: limited }),
      );
    } catch (cause) {
      // It ended in the meantime: what we wanted.
      const isOver =
        cause instanceof EngineRefused && (cause.status === 409 || cause.status === 404);
      if (!isOver) throw cause;
    }
  }

  async remove(id: string, signal: AbortSignal): Promise<void> {
    const deadlineMs = this.#clock.nowMs() + REMOVE_MS_MAX;
    for (;;) {
      try {
        await unlessMissing(
          callEngine('removing a container', signal, (limited) =>
            this.#docker.getContainer(id).remove({ force: true, v: true, abortSignal: limited }),
          ),
        );
        return;
      } catch (cause) {
        // Somebody else is removing it: wait until it is gone.
        const isUnderWay = cause instanceof EngineRefused && cause.status === 409;
        if (!isUnderWay || this.#clock.nowMs() >= deadlineMs) throw cause;
        await this.#clock.sleep(REMOVE_STEP_MS, signal);
      }
    }
  }
}
