import { readFile } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import type { Clock, Logger } from '@orrery/bus';
import type Docker from 'dockerode';
import type { ExecProcess, ExecRequest, PortTarget } from '../container-driver.ts';
import { KernelNotRunning } from '../errors.ts';
import { PortRefused, PortUnreachable } from '../ports/errors.ts';
import { ExecStream } from '../ports/exec-stream.ts';
import { firstLine, THROUGH } from '../ports/greeting.ts';
import { NetworkDialler } from '../ports/network-dialler.ts';
import { insideContainer } from './container-options.ts';
import { callEngine } from './engine.ts';

/** The first of these that the image has connects, where this agent may not enter a container's network. */
const DIALLERS = [
  ['python3', 'dial.py'],
  ['node', 'dial.mjs'],
  ['perl', 'dial.pl'],
] as const;
const NO_DIALLER = 'no-dialler';

export interface ContainerPortsParts {
  readonly docker: Docker;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether this agent may enter the network of a container, as root on the engine's machine may. */
  readonly entersNetworks: boolean;
  readonly containerOf: (kernel: string, signal: AbortSignal) => Promise<string>;
  readonly exec: (request: ExecRequest, signal: AbortSignal) => Promise<ExecProcess>;
}

/** Connections to ports inside containers, from inside their networks: what listens on loopback only is reached. */
export class ContainerPorts implements Disposable {
  readonly #parts: ContainerPortsParts;
  readonly #diallers = new Map<string, Promise<NetworkDialler | undefined>>();

  constructor(parts: ContainerPortsParts) {
    this.#parts = parts;
  }

  /** @throws {KernelNotFound} | {KernelNotRunning} | {PortRefused} | {PortUnreachable} */
  async dial(target: PortTarget, signal: AbortSignal): Promise<Duplex> {
    const dialler = await this.#diallerOf(target.kernel, signal);
    const { word, stream } =
      dialler === undefined
        ? await this.#dialByProgram(target, signal)
        : await dialler.dial(target.port);
    if (word === THROUGH && !signal.aborted) return stream;
    stream.destroy();
    signal.throwIfAborted();
    if (word === 'ECONNREFUSED') throw new PortRefused(target.port);
    throw new PortUnreachable(target.port, whyOf(word, stream));
  }

  [Symbol.dispose](): void {
    for (const starting of this.#diallers.values())
      starting.then(
        (dialler) => dialler?.[Symbol.dispose](),
        () => undefined,
      );
    this.#diallers.clear();
  }

  async #diallerOf(kernel: string, signal: AbortSignal): Promise<NetworkDialler | undefined> {
    if (!this.#parts.entersNetworks) return undefined;
    const id = await this.#parts.containerOf(kernel, signal);
    const there = await this.#diallers.get(id);
    if (there !== undefined && !there.isOver) return there;
    for (const [each, starting] of this.#diallers)
      if ((await starting)?.isOver === true) this.#diallers.delete(each);
    const begun = this.#diallers.get(id) ?? this.#start(kernel, id);
    this.#diallers.set(id, begun);
    begun.then(
      (dialler) => dialler ?? this.#diallers.delete(id),
      () => this.#diallers.delete(id),
    );
    return begun;
  }

  /** Undefined: its network cannot be entered from here. */
  async #start(kernel: string, id: string): Promise<NetworkDialler | undefined> {
    const { State } = await callEngine(
      'looking for the network of a container',
      AbortSignal.timeout(LOOK_MS_MAX),
      (abortSignal) => this.#parts.docker.getContainer(id).inspect({ abortSignal }),
    );
    if (!State.Running || State.Pid <= 0) throw new KernelNotRunning(kernel);
    try {
      // The engine may be on another machine, whose process numbers mean something else here.
      const groups = await readFile(`/proc/${State.Pid}/cgroup`, 'utf8');
      if (!groups.includes(id)) return undefined;
      return await NetworkDialler.start(State.Pid, this.#parts.clock);
    } catch (err) {
      this.#parts.logger.warn({ err, kernel }, 'the network of a container could not be entered');
      return undefined;
    }
  }

  async #dialByProgram(
    { kernel, port }: PortTarget,
    signal: AbortSignal,
  ): Promise<{ readonly word: string | undefined; readonly stream: Duplex }> {
    const { runner } = insideContainer;
    const tries = DIALLERS.map(
      ([program, file]) =>
        `command -v ${program} >/dev/null 2>&1 && exec ${program} ${runner}/${file} ${port}`,
    );
    const command = ['sh', '-c', `${tries.join('; ')}; echo ${NO_DIALLER}`];
    const stream = new ExecStream(await this.#parts.exec({ kernel, command, environ: {} }, signal));
    stream.on('error', () => undefined);
    return { word: await firstLine(stream), stream };
  }
}

const LOOK_MS_MAX = 20_000;

function whyOf(word: string | undefined, stream: Duplex): string {
  if (word === NO_DIALLER)
    return 'its image has neither python3 nor node nor perl, one of which is needed on this node';
  const said = stream instanceof ExecStream ? stream.said : '';
  return word ?? (said === '' ? 'the connection was closed' : said);
}
