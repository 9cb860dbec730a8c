import { Duplex } from 'node:stream';
import {
  agentLive,
  type Bus,
  type Clock,
  type Duplex as FrameStream,
  openDuplex,
  type StreamInput,
  StreamOutput,
} from '@orrery/bus';
import type { RunningKernel } from './main-kernel.ts';

const PIECE_BYTES_MAX = 64 * 1024;

/**
 * A connection to what listens at a port inside a running kernel, on its loopback too, as a stream of bytes: neither
 * side is read faster than the other takes it, and either may end first. Whoever opens it destroys it; the signal does
 * so as well. That it may be opened, and that it is written down, is the caller's to see to.
 * @throws {PeerFailed} `port-refused` when nothing listens there, `port-unreachable`, `kernel-not-running`, …
 * @throws {BusUnavailable} | {StreamBroken} when the agent does not answer.
 */
export async function openTcp(
  { bus, clock }: { readonly bus: Pick<Bus, 'live'>; readonly clock: Clock },
  { node, kernel }: Pick<RunningKernel, 'node' | 'kernel'>,
  port: number,
  signal: AbortSignal,
): Promise<Duplex> {
  const stream = await openDuplex<StreamOutput, StreamInput>(
    bus.live,
    agentLive.streams(node),
    { kind: 'port', kernel, port },
    { clock, incoming: StreamOutput, signal },
  );
  const frames = stream.incoming[Symbol.asyncIterator]();
  try {
    // The first frame says that the connection is there.
    await frames.next();
  } catch (cause) {
    await stream[Symbol.asyncDispose]();
    throw cause;
  }
  return new PortStream(stream, frames);
}

class PortStream extends Duplex {
  readonly #stream: FrameStream<StreamOutput, StreamInput>;
  readonly #frames: AsyncIterator<StreamOutput>;

  constructor(stream: FrameStream<StreamOutput, StreamInput>, frames: AsyncIterator<StreamOutput>) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
    this.#frames = frames;
  }

  override _read(): void {
    void this.#next();
  }

  override _write(bytes: Buffer, _encoding: string, done: (cause?: Error) => void): void {
    this.#send(bytes).then(
      () => done(),
      (cause: unknown) => done(asError(cause)),
    );
  }

  override _final(done: () => void): void {
    this.#stream.end();
    done();
  }

  override _destroy(cause: Error | null, done: (cause: Error | null) => void): void {
    this.#stream[Symbol.asyncDispose]().then(
      () => done(cause),
      (failure: unknown) => done(cause ?? asError(failure)),
    );
  }

  async #next(): Promise<void> {
    try {
      for (;;) {
        const next = await this.#frames.next();
        if (next.done === true) return void this.push(null);
        if (next.value.kind !== 'output') continue;
        this.push(Buffer.from(next.value.data, 'base64'));
        return;
      }
    } catch (cause) {
      this.destroy(asError(cause));
    }
  }

  async #send(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES_MAX) {
      const data = bytes.subarray(at, at + PIECE_BYTES_MAX).toString('base64');
      await this.#stream.send({ kind: 'input', data });
    }
  }
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause));
}
