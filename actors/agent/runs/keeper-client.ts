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
  z.object({ frame: z.looseObject({ kind: z.string() }) }),
  z.object({ result: z.unknown() }),
  z.object({ failure: z.object({ code: z.string(), message: z.string() }) }),
]);

/** A request that is answered by frames, and sends some. Disposing it ends it. */
export interface Talk extends Disposable {
  /**
   * @throws {KeeperRefused} with the code that the keeper told.
   * @throws {KeeperUnavailable} when the keeper is gone.
   */
  readonly frames: AsyncIterable<unknown>;
  /** Resolves when the frame is on its way. */
  send(frame: object): Promise<void>;
}

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
      const answers = answersOf(socket);
      for (let next = await answers.next(); ; next = await answers.next())
        if (next.done === true) return next.value;
    } finally {
      signal.removeEventListener('abort', stop);
      socket.destroy();
    }
  }

  /** @throws {KeeperUnavailable} */
  async converse(request: object, signal: AbortSignal): Promise<Talk> {
    const socket = await this.#connect();
    const stop = (): void => void socket.destroy();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const send = (frame: object): Promise<void> =>
      new Promise((resolve) => {
        socket.write(`${JSON.stringify(frame)}\n`, () => resolve());
      });
    void send(request);
    return {
      frames: answersOf(socket),
      send,
      [Symbol.dispose]() {
        signal.removeEventListener('abort', stop);
        socket.destroy();
      },
    };
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

/** The frames, then the result. @throws {KeeperRefused} | {KeeperUnavailable} */
async function* answersOf(socket: Socket): AsyncGenerator<unknown, unknown> {
  for await (const line of createInterface({ input: socket })) {
    const answer = Answer.parse(JSON.parse(line));
    if ('failure' in answer) throw new KeeperRefused(answer.failure);
    if ('result' in answer) return answer.result;
    yield answer.frame;
  }
  throw new KeeperUnavailable('it ended before it answered');
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
