import { on, once } from 'node:events';
import type { Clock } from '@orrery/bus/clock';
import type { RawData, WebSocket } from 'ws';
import { GatewayFailed, GatewayUnreachable, ResponseUnexpected } from './errors.ts';
import type { Patience } from './patience.ts';

const OPEN_MS_MAX = 15_000;
/** The gateway says every 15 s that it is there. */
const SILENCE_MS_MAX = 45_000;
const INPUT_BYTES_MAX = 32 * 1024;
/** Frames that wait for a slow reader before the socket is told to wait. */
const FRAMES_WAITING_MAX = 64;

export type TerminalFrame =
  /** What follows goes on where the last output ended, or else begins anew: the screen is to be cleared. */
  | {
      readonly kind: 'attached';
      readonly life: string;
      readonly isContinued: boolean;
      readonly isRecorded: boolean;
    }
  | { readonly kind: 'output'; readonly data: Uint8Array }
  /** The last one. Null: it ended without a code. */
  | { readonly kind: 'exit'; readonly exitCode: number | null };

/** A terminal that is looked at over one WebSocket after the other. Disposing it leaves the shell alone. */
export interface TerminalChannel extends Disposable {
  /**
   * What it shows, over as many gateways and agents as it takes. Only one reader.
   * @throws {GatewayFailed} with the code that the gateway or the agent told.
   * @throws {GatewayUnreachable} when it was away for too long.
   */
  readonly frames: AsyncIterable<TerminalFrame>;
  /** Calls back when the bytes have left; while it is cut off they wait. */
  write(bytes: Uint8Array, onSent?: () => void): void;
  resize(columns: number, rows: number): void;
  restart(): void;
}

export interface TerminalChannelParts {
  readonly clock: Clock;
  readonly patience: Patience;
  /** The address of a socket, asked for each time there is to be one. */
  readonly address: () => Promise<string>;
  readonly size: { readonly columns: number; readonly rows: number } | undefined;
  readonly signal: AbortSignal | undefined;
}

interface Unsent {
  readonly frame: object;
  readonly onSent: (() => void) | undefined;
}

export function createTerminalChannel(parts: TerminalChannelParts): TerminalChannel {
  return new Channel(parts);
}

class Channel implements TerminalChannel {
  readonly frames: AsyncIterable<TerminalFrame>;
  readonly #parts: TerminalChannelParts;
  readonly #closing = new AbortController();
  readonly #signal: AbortSignal;
  readonly #unsent: Unsent[] = [];
  #size: TerminalChannelParts['size'];
  #socket: WebSocket | undefined;
  #life: string | undefined;
  #nextBytes = 0;

  constructor(parts: TerminalChannelParts) {
    this.#parts = parts;
    this.#size = parts.size;
    const { signal } = this.#closing;
    this.#signal = parts.signal === undefined ? signal : AbortSignal.any([parts.signal, signal]);
    this.frames = this.#shown();
  }

  write(bytes: Uint8Array, onSent?: () => void): void {
    for (let start = 0; start < bytes.length; start += INPUT_BYTES_MAX) {
      const end = start + INPUT_BYTES_MAX;
      const chars = Buffer.from(bytes.subarray(start, end)).toString('base64');
      this.#send({ type: 'stdin', chars }, end >= bytes.length ? onSent : undefined);
    }
  }

  resize(columns: number, rows: number): void {
    this.#size = { columns, rows };
    // The next socket says it as it is opened.
    if (this.#socket !== undefined) this.#send({ type: 'resize', cols: columns, rows });
  }

  restart(): void {
    this.#send({ type: 'restart' });
  }

  [Symbol.dispose](): void {
    this.#closing.abort(new Error('the terminal was left'));
    this.#socket?.terminate();
  }

  #send(frame: object, onSent?: () => void): void {
    if (this.#socket === undefined) this.#unsent.push({ frame, onSent });
    else this.#socket.send(JSON.stringify(frame), onSent);
  }

  async *#shown(): AsyncGenerator<TerminalFrame, void> {
    const outage = this.#parts.patience.outage();
    for (;;) {
      try {
        for await (const frame of this.#connection()) {
          if (frame.kind === 'attached') outage.end();
          yield frame;
          if (frame.kind === 'exit') return;
        }
      } catch (error) {
        this.#signal.throwIfAborted();
        await outage.bear(error, this.#signal);
      }
    }
  }

  /** @throws when it ended before the shell did. */
  async *#connection(): AsyncGenerator<TerminalFrame, void> {
    const address = this.#placed(await this.#parts.address());
    const { WebSocket } = await import('ws');
    this.#signal.throwIfAborted();
    const socket = new WebSocket(address, { handshakeTimeout: OPEN_MS_MAX });
    const lives = { close: ['close'], highWaterMark: FRAMES_WAITING_MAX, signal: this.#signal };
    const messages = on(socket, 'message', lives);
    const over = new AbortController();
    try {
      await once(socket, 'open', { signal: this.#signal });
      void this.#watch(socket, over.signal);
      for await (const [message] of messages) {
        const frame = this.#taken(message);
        if (frame?.kind === 'attached') this.#goOn(socket);
        if (frame !== undefined) yield frame;
      }
    } catch (cause) {
      if (cause instanceof GatewayFailed || cause instanceof ResponseUnexpected) throw cause;
      throw new GatewayUnreachable('the connection to the terminal broke', { cause });
    } finally {
      over.abort();
      this.#socket = undefined;
      // What a socket that is given up on says later is for nobody.
      socket.on('error', () => undefined);
      socket.terminate();
    }
    throw new GatewayUnreachable('the connection to the terminal was closed');
  }

  /** Where this side is, so that nothing is shown twice. */
  #placed(address: string): string {
    const query = new URLSearchParams();
    if (this.#size !== undefined) {
      query.set('columns', String(this.#size.columns));
      query.set('rows', String(this.#size.rows));
    }
    if (this.#life !== undefined) {
      query.set('life', this.#life);
      query.set('after', String(this.#nextBytes));
    }
    return query.size === 0 ? address : `${address}&${query}`;
  }

  #goOn(socket: WebSocket): void {
    if (this.#socket !== undefined) return;
    this.#socket = socket;
    for (const { frame, onSent } of this.#unsent.splice(0)) this.#send(frame, onSent);
  }

  #taken(message: RawData): TerminalFrame | undefined {
    const frame = parseFrame(message);
    switch (frame.type) {
      case 'attached': {
        const isContinued = this.#life === frame.life && this.#nextBytes === frame.offset;
        const { life, isRecorded } = frame;
        this.#life = life;
        this.#nextBytes = frame.offset;
        return { kind: 'attached', life, isContinued, isRecorded };
      }
      case 'out': {
        const data = Buffer.from(frame.data, 'base64');
        this.#nextBytes = frame.offset + data.length;
        return { kind: 'output', data };
      }
      case 'exit':
        return { kind: 'exit', exitCode: frame.exitCode };
      case 'error':
        throw new GatewayFailed(frame);
      default:
        // Of a newer gateway.
        return undefined;
    }
  }

  /** A gateway that vanished without a word is left. */
  async #watch(socket: WebSocket, over: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    let heardAtMs = clock.nowMs();
    const heard = (): void => {
      heardAtMs = clock.nowMs();
    };
    socket.on('ping', heard);
    socket.on('message', heard);
    while (!over.aborted) {
      await clock.sleep(SILENCE_MS_MAX / 3, over).catch(() => undefined);
      if (clock.nowMs() - heardAtMs >= SILENCE_MS_MAX) socket.terminate();
    }
  }
}

type ServerFrame =
  | {
      readonly type: 'attached';
      readonly life: string;
      readonly offset: number;
      readonly isRecorded: boolean;
    }
  | { readonly type: 'out'; readonly data: string; readonly offset: number }
  | { readonly type: 'exit'; readonly exitCode: number | null }
  | {
      readonly type: 'error';
      readonly code: string;
      readonly message: string;
      readonly isRetryable: boolean;
    }
  | { readonly type: 'unknown' };

/** @throws {ResponseUnexpected} */
function parseFrame(message: RawData): ServerFrame {
  const frame: unknown = JSON.parse(message.toString());
  if (typeof frame !== 'object' || frame === null || !('type' in frame))
    throw new ResponseUnexpected('a frame of a terminal is not what it should be');
  // The gateway writes them by the same contract.
  return frame as ServerFrame;
}
