import { existsSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import {
  type Clock,
  CompleteRequest,
  ExecuteRequest,
  InterruptRequest,
  type Logger,
  OrreryError,
} from '@orrery/bus';
import { z } from 'zod';
import type { ContainerDriver } from '../container-driver.ts';
import { KernelNotFound, RunnerUnavailable } from '../errors.ts';
import { KernelRuns } from './kernel-runs.ts';

/** With nothing to keep and nobody asking for so long, the process ends. */
const IDLE_MS = 60_000;
const LOOK_PERIOD_MS = 5_000;

const Request = z.discriminatedUnion('kind', [ExecuteRequest, InterruptRequest, CompleteRequest]);
type Request = z.infer<typeof Request>;

export interface KeeperParts {
  readonly driver: ContainerDriver;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Keeps the interpreters of a node's kernels and what they print, in a process that outlives the agent. Each
 * connection asks once: a line of JSON, answered by a line with `result` or `failure`.
 */
export class Keeper {
  readonly #parts: KeeperParts;
  readonly #kernels = new Map<string, KernelRuns>();
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
    for await (const line of createInterface({ input: socket })) {
      const answer = await this.#answer(line, left.signal);
      socket.end(`${JSON.stringify(answer)}\n`);
      return;
    }
  }

  async #answer(line: string, left: AbortSignal): Promise<object> {
    try {
      return { result: await this.#carryOut(Request.parse(JSON.parse(line)), left) };
    } catch (error) {
      if (error instanceof OrreryError)
        return { failure: { code: error.code, message: error.message } };
      this.#parts.logger.error({ err: error }, 'a request to the keeper failed');
      return { failure: { code: 'internal', message: 'the keeper of runs failed' } };
    }
  }

  async #carryOut(request: Request, left: AbortSignal): Promise<object> {
    const runs = await this.#runsOf(request.kernel);
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
    }
  }

  /** @throws {KernelNotFound} | {RunnerUnavailable} */
  async #runsOf(kernel: string): Promise<KernelRuns> {
    const there = this.#kernels.get(kernel);
    if (there !== undefined) return there;
    const { driver, clock } = this.#parts;
    const signal = this.#over.signal;
    if ((await driver.find(kernel, signal)) === undefined) throw new KernelNotFound(kernel);
    const places = driver.places(kernel);
    if (places === undefined) throw new RunnerUnavailable(driver.name);
    const made = new KernelRuns({ driver, clock, kernel, places, signal });
    const meanwhile = this.#kernels.get(kernel);
    if (meanwhile !== undefined) return meanwhile;
    this.#kernels.set(kernel, made);
    return made;
  }

  /** Kernels whose scratch space is removed, and those that nothing runs in. */
  #forgetGone(): void {
    for (const [kernel, runs] of this.#kernels) {
      const places = this.#parts.driver.places(kernel);
      if (places === undefined || !existsSync(places.work) || !runs.isInUse)
        this.#kernels.delete(kernel);
    }
  }
}
