import { existsSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  AppRequest,
  type Clock,
  CompleteRequest,
  ExecuteRequest,
  InterruptRequest,
  type Logger,
  OrreryError,
  TerminalRequest,
} from '@orrery/bus';
import { z } from 'zod';
import { KernelApps } from '../apps/kernel-apps.ts';
import type { ContainerDriver } from '../container-driver.ts';
import { KernelNotFound, RunnerUnavailable } from '../errors.ts';
import { attend } from '../terminals/attend.ts';
import { KernelTerminals } from '../terminals/kernel-terminals.ts';
import { RECORDINGS } from '../terminals/recordings.ts';
import { KernelRuns } from './kernel-runs.ts';

/** With nothing to keep and nobody asking for so long, the process ends. */
const IDLE_MS = 60_000;
const LOOK_PERIOD_MS = 5_000;

const Request = z.discriminatedUnion('kind', [
  ExecuteRequest,
  InterruptRequest,
  CompleteRequest,
  TerminalRequest,
  ...AppRequest.options,
]);
type Request = z.infer<typeof Request>;

/** A connection of the agent: lines of JSON, each way. */
interface Line {
  readonly socket: Socket;
  readonly lines: AsyncIterator<string>;
  readonly left: AbortSignal;
}

interface Kept {
  readonly runs: KernelRuns;
  readonly terminals: KernelTerminals;
  readonly apps: KernelApps;
}

export interface KeeperParts {
  readonly driver: ContainerDriver;
  /** Where the node keeps its things. */
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Keeps the interpreters, terminals and apps of a node's kernels and what they print, in a process that outlives the
 * agent. Each connection asks once: a line of JSON, answered by a line with `result` or `failure`. Before that
 * line, the connection of a terminal carries lines with a `frame`, and the viewer's frames the other way.
 */
export class Keeper {
  readonly #parts: KeeperParts;
  readonly #kernels = new Map<string, Kept>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  readonly #over = new AbortController();

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#server = createServer((socket) => void this.#serve(socket));
  }

  /** Resolves when it listens. @throws when something listens there. */
  async listen(path: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, resolve);
    });
  }

  /** Resolves when there is nothing to keep any more. */
  async untilIdle(): Promise<void> {
    const { clock } = this.#parts;
    for (let idleMs = 0; idleMs < IDLE_MS; idleMs += LOOK_PERIOD_MS) {
      await clock.sleep(LOOK_PERIOD_MS);
      this.#forgetGone();
      const isInUse = this.#sockets.size > 0 || this.#kernels.size > 0;
      if (isInUse) idleMs = 0;
    }
    this.#over.abort(new Error('the keeper ends'));
    this.#server.close();
  }

  async #serve(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
    const left = new AbortController();
    socket.once('close', () => left.abort(new Error('the agent left')));
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
    const first = await lines.next();
    if (first.done === true) return;
    const answer = await this.#answer(first.value, { socket, lines, left: left.signal });
    socket.end(`${JSON.stringify(answer)}\n`);
  }

  async #answer(text: string, line: Line): Promise<object> {
    try {
      return { result: await this.#carryOut(Request.parse(JSON.parse(text)), line) };
    } catch (error) {
      if (error instanceof OrreryError)
        return { failure: { code: error.code, message: error.message } };
      this.#parts.logger.error({ err: error }, 'a request to the keeper failed');
      return { failure: { code: 'internal', message: 'the keeper of runs failed' } };
    }
  }

  async #carryOut(request: Request, { socket, lines, left }: Line): Promise<object> {
    const { runs, terminals, apps } = await this.#keptOf(request.kernel);
    switch (request.kind) {
      case 'execute': {
        const answered = new AbortController();
        const limited = AbortSignal.any([left, answered.signal]);
        const flush = this.#parts.clock.sleep(request.flushMs, limited).catch(() => undefined);
        try {
          return await runs.execute(request, flush);
        } finally {
          answered.abort(new Error('the answer is there'));
        }
      }
      case 'interrupt':
        return { isInterrupted: await runs.interrupt(request.runId) };
      case 'complete':
        return { suggestions: await runs.complete(request.language, request.code) };
      case 'terminal': {
        const send = (frame: object): Promise<void> => sendLine(socket, { frame });
        await attend(terminals, { request, lines, send }, left);
        return {};
      }
      case 'app-list':
        return apps.list(request.named);
      case 'app-start':
        return apps.start(request);
      case 'app-stop':
        return apps.stop(request.app);
    }
  }

  /** @throws {KernelNotFound} | {RunnerUnavailable} */
  async #keptOf(kernel: string): Promise<Kept> {
    const there = this.#kernels.get(kernel);
    if (there !== undefined) return there;
    const { driver, clock, directory, logger } = this.#parts;
    const signal = this.#over.signal;
    if ((await driver.find(kernel, signal)) === undefined) throw new KernelNotFound(kernel);
    const places = driver.places(kernel);
    if (places === undefined) throw new RunnerUnavailable(driver.name);
    const recordings = join(directory, RECORDINGS);
    const made = {
      runs: new KernelRuns({ driver, clock, kernel, places, signal }),
      terminals: new KernelTerminals({ driver, clock, logger, kernel, recordings, signal }),
      apps: new KernelApps({ driver, clock, logger, kernel, runner: places.runner, signal }),
    };
    const meanwhile = this.#kernels.get(kernel);
    if (meanwhile !== undefined) return meanwhile;
    this.#kernels.set(kernel, made);
    return made;
  }

  /** Kernels whose scratch space is removed, and those that nothing runs in. */
  #forgetGone(): void {
    for (const [kernel, { runs, terminals, apps }] of this.#kernels) {
      const places = this.#parts.driver.places(kernel);
      const isInUse = [runs, terminals, apps].some((kept) => kept.isInUse);
      if (places === undefined || !existsSync(places.work) || !isInUse)
        this.#kernels.delete(kernel);
    }
  }
}

/** Resolves when the line is on its way, or never will be. */
async function sendLine(socket: Socket, value: object): Promise<void> {
  if (socket.destroyed || socket.write(`${JSON.stringify(value)}\n`)) return;
  await new Promise<void>((resolve) => {
    const settle = (): void => {
      socket.off('drain', settle);
      socket.off('close', settle);
      resolve();
    };
    socket.once('drain', settle);
    socket.once('close', settle);
  });
}
