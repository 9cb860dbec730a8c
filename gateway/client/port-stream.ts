import { Duplex } from 'node:stream';
import type { RawData } from 'ws';
import { WebSocket } from 'ws';
import { type Endpoint, webSocketUrl } from './endpoint.ts';
import { GatewayFailed, GatewayUnreachable } from './errors.ts';
import { unreachableFrom } from './http.ts';

const OPEN_MS_MAX = 15_000;
const END = 'end';

/** Bytes over one WebSocket; what fails is told by the stream. */
export function openPortStream(endpoint: Endpoint, ticketUrl: string): Duplex {
  return new PortStream(endpoint, ticketUrl);
}

class PortStream extends Duplex {
  readonly #socket: WebSocket;
  readonly #opened: Promise<void>;
  #hasEnded = false;

  constructor(endpoint: Endpoint, ticketUrl: string) {
    super({ allowHalfOpen: true });
    const socket = new WebSocket(webSocketUrl(endpoint, ticketUrl), {
      handshakeTimeout: OPEN_MS_MAX,
    });
    this.#socket = socket;
    this.#opened = new Promise((resolve) => {
      socket.once('open', resolve);
      socket.once('close', () => resolve());
    });
    socket.on('message', (message: RawData, isBinary: boolean) => this.#take(message, isBinary));
    socket.on('error', (cause) => this.destroy(unreachableFrom(cause, endpoint)));
    socket.on('close', () => {
      if (!this.#hasEnded) this.destroy(new GatewayUnreachable('the connection broke'));
    });
  }

  override _read(): void {
    if (this.#socket.isPaused) this.#socket.resume();
  }

  override _write(bytes: Buffer, _encoding: string, done: (cause?: Error | null) => void): void {
    void this.#opened.then(() => this.#socket.send(bytes, (cause) => done(cause ?? null)));
  }

  override _final(done: (cause?: Error | null) => void): void {
    void this.#opened.then(() => this.#socket.send(END, (cause) => done(cause ?? null)));
  }

  override _destroy(cause: Error | null, done: (cause: Error | null) => void): void {
    this.#hasEnded = true;
    this.#socket.close();
    done(cause);
  }

  #take(message: RawData, isBinary: boolean): void {
    const bytes = Array.isArray(message) ? Buffer.concat(message) : Buffer.from(message as Buffer);
    if (isBinary) {
      if (!this.push(bytes)) this.#socket.pause();
      return;
    }
    this.#hasEnded = true;
    if (bytes.toString() === END) this.push(null);
    else this.destroy(failureOf(bytes.toString()));
  }
}

function failureOf(text: string): GatewayFailed {
  const told: unknown = JSON.parse(text);
  const { code = 'port-failed', message = 'the port cannot be reached' } =
    typeof told === 'object' && told !== null
      ? (told as { readonly code?: string; readonly message?: string })
      : {};
  return new GatewayFailed({ code, message, isRetryable: false });
}
