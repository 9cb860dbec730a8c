import { spawn } from 'node:child_process';
import { createConnection, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { KeeperRefused, KeeperUnavailable } from '../errors.ts';
import { type KeeperPlace, openPlace } from './keeper-place.ts';

const START_MS_MAX = 30_000;
/** Of the agent's environment a keeper gets what tells it the way to the engine, and no secrets. */
const PASSED_ON = [
  'PATH',
  'HOME',
  'LANG',
  'TZ',
  'USER',
  'LOGNAME',
  'TMPDIR',
  'DOCKER_HOST',
] as const;

const Answer = z.union([
  z.object({ result: z.unknown() }),
  z.object({ failure: z.object({ code: z.string(), message: z.string() }) }),
]);

/** The agent's way to the keeper of its node, which is started when it is first needed. */
export class KeeperClient {
  readonly #place: KeeperPlace;
  #starting: Promise<void> | undefined;

  constructor(place: KeeperPlace) {
    this.#place = place;
  }

  /**
   * The answer's JSON value.
   * @throws {KeeperRefused} with the code that the keeper told.
   * @throws {KeeperUnavailable}
   */
  async ask(request: object, signal: AbortSignal): Promise<unknown> {
    const socket = await this.#connect();
    const stop = (): void => void socket.destroy();
    signal.addEventListener('abort', stop, { once: true });
    try {
      socket.write(`${JSON.stringify(request)}\n`);
      for await (const line of createInterface({ input: socket })) {
        const answer = Answer.parse(JSON.parse(line));
        if ('failure' in answer) throw new KeeperRefused(answer.failure);
        return answer.result;
      }
      throw new KeeperUnavailable('it ended before it answered');
    } finally {
      signal.removeEventListener('abort', stop);
      socket.destroy();
    }
  }

  async #connect(): Promise<Socket> {
    const there = await connectTo(this.#place.directory);
    if (there instanceof Error === false) return there;
    this.#starting ??= startKeeper(this.#place).finally(() => {
      this.#starting = undefined;
    });
    await this.#starting;
    const started = await connectTo(this.#place.directory);
    if (started instanceof Error === false) return started;
    throw new KeeperUnavailable('it was started and is not there', { cause: started });
  }
}

function connectTo(directory: string): Promise<Socket | Error> {
  const place = openPlace(directory);
  return new Promise((resolve) => {
    const socket = createConnection(place.socket);
    const settle = (outcome: Socket | Error): void => {
      place[Symbol.dispose]();
      resolve(outcome);
    };
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      socket.on('error', () => undefined);
      settle(socket);
    });
    socket.once('error', settle);
  });
}

async function startKeeper(place: KeeperPlace): Promise<void> {
  const program = fileURLToPath(new URL('keeper-main.ts', import.meta.url));
  const env = PASSED_ON.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const child = spawn(process.execPath, [program, JSON.stringify(place)], {
    cwd: '/',
    env: Object.fromEntries(env),
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  child.unref();
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  // The fourth of the child's files, a pipe as asked for above.
  const word = child.stdio[3] as Readable;
  try {
    const lines = createInterface({ input: word, signal: AbortSignal.timeout(START_MS_MAX) });
    const first = async (): Promise<string> => {
      for await (const line of lines) return line;
      throw new KeeperUnavailable('it ended before it was ready');
    };
    await Promise.race([first(), failed]);
  } catch (cause) {
    if (cause instanceof KeeperUnavailable) throw cause;
    throw new KeeperUnavailable('it could not be started', { cause });
  } finally {
    word.destroy();
  }
}
