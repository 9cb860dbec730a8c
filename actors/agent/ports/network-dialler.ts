import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Clock } from '@orrery/bus';
import { firstLine } from './greeting.ts';

const START_MS_MAX = 20_000;
/** How long it waits for another connection after the last one. */
const IDLE_MS = 60_000;

/**
 * A process in the network of a kernel, with the files of the node: it needs nothing of the image. One a kernel, for as
 * long as there are connections and a minute more.
 */
export class NetworkDialler implements Disposable {
  readonly #child: ChildProcess;
  readonly #directory: string;
  readonly #clock: Clock;
  #open = 0;
  #resting = new AbortController();
  isOver = false;

  private constructor(child: ChildProcess, directory: string, clock: Clock) {
    this.#child = child;
    this.#clock = clock;
    this.#directory = directory;
    child.once('close', () => this.#forget());
  }

  /** @throws when the network of that process cannot be entered from here. */
  static async start(pid: number, clock: Clock): Promise<NetworkDialler> {
    const program = fileURLToPath(new URL('dialler-main.ts', import.meta.url));
    const directory = mkdtempSync(join(tmpdir(), 'orrery-dial-'));
    const command = [`--net=/proc/${pid}/ns/net`, '--', process.execPath, program];
    const child = spawn('nsenter', [...command, join(directory, 'socket')], {
      cwd: '/',
      env: {},
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    child.stdin?.on('error', () => undefined);
    const dialler = new NetworkDialler(child, directory, clock);
    try {
      await Promise.race([readiness(child), failureOf(child)]);
      return dialler;
    } catch (cause) {
      dialler[Symbol.dispose]();
      throw cause;
    }
  }

  /** What the process said, and the connection after that. @throws when the process is gone. */
  async dial(
    port: number,
  ): Promise<{ readonly word: string | undefined; readonly stream: Duplex }> {
    this.#resting.abort();
    this.#open += 1;
    let socket: Socket;
    try {
      socket = await this.#connect();
    } catch (cause) {
      this.#left();
      throw cause;
    }
    socket.once('close', () => this.#left());
    socket.write(`${port}\n`);
    const word = await firstLine(socket);
    return { word, stream: socket };
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
    this.#forget();
  }

  #connect(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const path = join(this.#directory, 'socket');
      const socket = createConnection({ path, allowHalfOpen: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(socket);
      });
    });
  }

  #left(): void {
    this.#open -= 1;
    if (this.#open > 0 || this.isOver) return;
    this.#resting = new AbortController();
    this.#clock.sleep(IDLE_MS, this.#resting.signal).then(
      () => this[Symbol.dispose](),
      () => undefined,
    );
  }

  #forget(): void {
    this.#resting.abort();
    this.isOver = true;
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

async function readiness(child: ChildProcess): Promise<void> {
  if (child.stdout === null) throw new Error('a dialler has no output');
  const signal = AbortSignal.timeout(START_MS_MAX);
  for await (const _ of createInterface({ input: child.stdout, signal })) {
    child.stdout.resume();
    return;
  }
  throw new Error('the network of the kernel could not be entered');
}

function failureOf(child: ChildProcess): Promise<never> {
  return new Promise((_, reject) => child.once('error', reject));
}
