import type { RawData, WebSocket } from 'ws';
import { type Endpoint, webSocketUrl } from './endpoint.ts';
import { GatewayFailed, GatewayUnreachable, ResponseUnexpected } from './errors.ts';
import { unreachableFrom } from './http.ts';

const OPEN_MS_MAX = 15_000;
const INPUT_BYTES_MAX = 32 * 1024;
/** Frames that wait for a slow reader before the socket is told to wait. */
const FRAMES_WAITING_MAX = 64;

export type ExecFrame =
  | { readonly kind: 'output'; readonly source: 'stdout' | 'stderr'; readonly data: Uint8Array }
  /** The last one. Null: it ended without a code, as by a signal that nobody reported. */
  | { readonly kind: 'exit'; readonly exitCode: number | null };

/** A program running inside a session, over one WebSocket. Disposing it closes the socket. */
export interface ExecChannel extends Disposable {
  /**
   * Output in order, then the exit.
   * @throws {GatewayFailed} with the code that the gateway or the agent told.
   * @throws {GatewayUnreachable} when the connection broke before the exit was known.
   */
  readonly frames: AsyncIterable<ExecFrame>;
  /** Calls back when the bytes have left, or never will: then the frames tell why. */
  write(bytes: Uint8Array, onSent?: () => void): void;
  endInput(): void;
  resize(columns: number, rows: number): void;
}

export async function openExecChannel(
  endpoint: Endpoint,
  ticketUrl: string,
  signal: AbortSignal | undefined,
): Promise<ExecChannel> {
  const { WebSocket } = await import('ws');
  signal?.throwIfAborted();
  const socket = new WebSocket(webSocketUrl(endpoint, ticketUrl), {
    handshakeTimeout: OPEN_MS_MAX,
  });
  const frames = new Frames(socket);
  const abort = (): void => {
    frames.fail(signal?.reason);
    socket.terminate();
  };
  signal?.addEventListener('abort', abort, { once: true });
  socket.on('message', (message: RawData) => frames.receive(message));
  socket.on('error', (cause) => frames.fail(unreachableFrom(cause, endpoint)));
  socket.on('close', () => {
    signal?.removeEventListener('abort', abort);
    frames.fail(
      new GatewayUnreachable('the connection broke before the program ended; it may still run'),
    );
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('close', () => reject(frames.failure));
  });
  const send = (frame: object, onSent = (): void => {}): void => {
    socket.send(JSON.stringify(frame), onSent);
  };
  return {
    frames,
    write(bytes, onSent) {
      for (let start = 0; start < bytes.length; start += INPUT_BYTES_MAX) {
        const end = start + INPUT_BYTES_MAX;
        const data = Buffer.from(bytes.subarray(start, end)).toString('base64');
        send({ kind: 'input', data }, end >= bytes.length ? onSent : undefined);
      }
    },
    endInput: () => send({ kind: 'end-of-input' }),
    resize: (columns, rows) => send({ kind: 'resize', columns, rows }),
    [Symbol.dispose]: () => socket.terminate(),
  };
}

class Frames implements AsyncIterable<ExecFrame> {
  readonly #socket: WebSocket;
  readonly #waiting: ExecFrame[] = [];
  #failure: unknown;
  #hasEnded = false;
  #wake: () => void = () => {};

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  get failure(): unknown {
    return this.#failure;
  }

  receive(message: RawData): void {
    if (this.#hasEnded) return;
    try {
      this.#waiting.push(parseFrame(message));
    } catch (failure) {
      this.fail(failure);
      this.#socket.terminate();
      return;
    }
    if (this.#waiting.length >= FRAMES_WAITING_MAX) this.#socket.pause();
    if (this.#waiting.at(-1)?.kind === 'exit') this.#hasEnded = true;
    this.#wake();
  }

  fail(failure: unknown): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#failure = failure;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ExecFrame, void> {
    for (;;) {
      const frame = this.#waiting.shift();
      if (frame !== undefined) {
        if (this.#socket.isPaused && this.#waiting.length === 0) this.#socket.resume();
        yield frame;
        if (frame.kind === 'exit') return;
      } else if (this.#hasEnded) {
        throw this.#failure;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

function parseFrame(message: RawData): ExecFrame {
  const frame: unknown = JSON.parse(message.toString());
  if (typeof frame === 'object' && frame !== null && 'kind' in frame) {
    if (frame.kind === 'output' && 'data' in frame && typeof frame.data === 'string') {
      const source = 'source' in frame && frame.source === 'stderr' ? 'stderr' : 'stdout';
      return { kind: 'output', source, data: Buffer.from(frame.data, 'base64') };
    }
    if (frame.kind === 'exit' && 'exitCode' in frame) {
      return {
        kind: 'exit',
        exitCode: typeof frame.exitCode === 'number' ? frame.exitCode : null,
      };
    }
    if (frame.kind === 'error' && 'code' in frame && 'message' in frame) {
      const { code, message: sentence } = frame;
      throw new GatewayFailed({
        code: String(code),
        message: String(sentence),
        isRetryable: false,
      });
    }
  }
  throw new ResponseUnexpected('a frame of a running program is not what it should be');
}
