import { z } from 'zod';
import type { LiveChannel } from './bus.ts';
import type { Clock } from './clock.ts';
import { MalformedMessage, MessageTooLarge, PeerFailed, StreamBroken } from './errors.ts';

/** How far a sender may be ahead of what its peer's reader has taken. */
const WINDOW_FRAMES = 64;
const WINDOW_BYTES = 1_048_576;
export const FRAME_BYTES_MAX = 512 * 1024;
/** The reader tells what it has taken at the latest after this many frames. */
const TOLD_AFTER_FRAMES = 16;
const KEEP_ALIVE_PERIOD_MS = 5_000;
/** A peer that was not heard for this long counts as dead. */
const SILENCE_MS_MAX = 15_000;
/** How long a stream that is closed waits for its last frames to be received. */
const LINGER_MS_MAX = 15_000;

const Failure = z.object({ code: z.string(), message: z.string() });

/** What travels. `next` and `taken` count frames from 0. */
const Packet = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('frame'), index: z.int(), frame: z.unknown() }),
  z.object({ kind: z.literal('end'), index: z.int(), failure: Failure.optional() }),
  /** What was received without gap and what its reader took; `sent` shows whether the tail was lost. */
  z.object({
    kind: z.literal('progress'),
    received: z.int(),
    taken: z.int(),
    sent: z.int(),
    isGap: z.boolean(),
  }),
  /** The sender is gone and answers no more. */
  z.object({ kind: z.literal('gone') }),
]);
type Packet = z.infer<typeof Packet>;
type Sequenced = Extract<Packet, { readonly index: number }>;

/** One end of a two-way stream of frames: reliable and in order, over a channel that may lose messages. */
export interface Duplex<Incoming, Outgoing> extends AsyncDisposable {
  /**
   * The peer's frames; ends when the peer has ended. Only one reader.
   * @throws {PeerFailed} when the peer ended with a failure.
   * @throws {StreamBroken} when the peer is gone or silent.
   * @throws {MalformedMessage} when a frame is not what its schema says.
   */
  readonly incoming: AsyncIterable<Incoming>;
  /**
   * Resolves when the frame is on its way, and waits while the peer's reader is behind.
   * @throws {StreamBroken} when it cannot be delivered any more.
   */
  send(frame: Outgoing): Promise<void>;
  /** No more frames come from here. */
  end(): void;
  /** The same, with the reason why there should have been more. */
  fail(failure: { readonly code: string; readonly message: string }): void;
  /** Fires when the stream is over in both directions or broken. */
  readonly closed: AbortSignal;
}

export interface StreamOptions<Incoming> {
  readonly live: LiveChannel;
  readonly clock: Clock;
  /** Where this end listens, and where it speaks. */
  readonly hears: string;
  readonly speaks: string;
  readonly frame: z.ZodType<Incoming>;
}

export class DuplexStream<Incoming, Outgoing> implements Duplex<Incoming, Outgoing> {
  readonly #options: StreamOptions<Incoming>;
  readonly #closing = new AbortController();
  readonly closed = this.#closing.signal;
  #failure: Error | undefined;
  #heardAtMs: number;

  /** Sent and not yet received by the peer, from the oldest. */
  readonly #unreceived: Sequenced[] = [];
  /** Sizes of what is sent and not yet taken, from the oldest. */
  readonly #untakenBytes: number[] = [];
  #sent = 0;
  #taken = 0;
  #hasEnded = false;

  /** Received and not yet taken by our reader. */
  readonly #waiting: Incoming[] = [];
  #received = 0;
  #takenHere = 0;
  #toldTaken = 0;
  #isGapTold = false;
  #peerEnd: { readonly failure: z.infer<typeof Failure> | undefined } | undefined;

  #changed = Promise.withResolvers<void>();

  constructor(options: StreamOptions<Incoming>) {
    this.#options = options;
    this.#heardAtMs = options.clock.nowMs();
    // Listening begins here, so that nothing the peer says after this is missed.
    const packets = options.live.subscribe(options.hears, this.closed);
    void this.#listen(packets);
    void this.#keepAlive();
  }

  get incoming(): AsyncIterable<Incoming> {
    return this.#read();
  }

  async send(frame: Outgoing): Promise<void> {
    const bytes = Buffer.byteLength(JSON.stringify(frame));
    if (bytes > FRAME_BYTES_MAX)
      throw new MessageTooLarge(this.#options.speaks, bytes, FRAME_BYTES_MAX);
    while (!this.closed.aborted && !this.#hasEnded && !this.#mayBeSent(bytes))
      await this.#changed.promise;
    if (this.closed.aborted || this.#hasEnded)
      throw new StreamBroken('the stream is closed', { cause: this.#failure });
    this.#transmit({ kind: 'frame', index: this.#sent, frame }, bytes);
  }

  end(): void {
    this.#sendEnd(undefined);
  }

  fail(failure: { readonly code: string; readonly message: string }): void {
    this.#sendEnd(failure);
  }

  /** Waits a while for what was sent to be received if this end has ended; then the peer is told. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { clock } = this.#options;
    const deadlineMs = clock.nowMs() + LINGER_MS_MAX;
    while (this.#hasEnded && this.#unreceived.length > 0 && !this.closed.aborted) {
      const leftMs = deadlineMs - clock.nowMs();
      if (leftMs <= 0) break;
      await this.#changedWithin(leftMs);
    }
    this.#close(undefined);
  }

  /** Closes at once, without waiting for anything. */
  breakOff(failure: Error): void {
    this.#close(failure);
  }

  async *#read(): AsyncGenerator<Incoming> {
    for (;;) {
      const frame = this.#waiting.shift();
      if (frame !== undefined) {
        this.#takenHere += 1;
        const untold = this.#takenHere - this.#toldTaken;
        if (this.#waiting.length === 0 || untold >= TOLD_AFTER_FRAMES) this.#tellProgress(false);
        yield frame;
      } else if (this.#peerEnd !== undefined) {
        const { failure } = this.#peerEnd;
        if (failure !== undefined) throw new PeerFailed(failure);
        return;
      } else if (this.closed.aborted) {
        throw this.#failure ?? new StreamBroken('the stream was closed here');
      } else {
        await this.#changed.promise;
      }
    }
  }

  #mayBeSent(bytes: number): boolean {
    if (this.#untakenBytes.length >= WINDOW_FRAMES) return false;
    const inFlightBytes = this.#untakenBytes.reduce((sum, size) => sum + size, 0);
    return inFlightBytes === 0 || inFlightBytes + bytes <= WINDOW_BYTES;
  }

  #sendEnd(failure: z.infer<typeof Failure> | undefined): void {
    if (this.#hasEnded || this.closed.aborted) return;
    this.#hasEnded = true;
    this.#transmit(
      { kind: 'end', index: this.#sent, ...(failure === undefined ? {} : { failure }) },
      0,
    );
    this.#notify();
  }

  #transmit(packet: Sequenced, bytes: number): void {
    this.#sent += 1;
    this.#untakenBytes.push(bytes);
    this.#unreceived.push(packet);
    this.#say(packet);
  }

  async #listen(messages: AsyncIterable<{ readonly body: unknown }>): Promise<void> {
    for await (const { body } of messages) {
      const packet = Packet.safeParse(body);
      if (!packet.success) {
        this.#close(new MalformedMessage(this.#options.hears, { cause: packet.error }));
        return;
      }
      this.#heardAtMs = this.#options.clock.nowMs();
      this.#hear(packet.data);
    }
    this.#close(new StreamBroken('the bus was closed'));
  }

  #hear(packet: Packet): void {
    switch (packet.kind) {
      case 'frame':
      case 'end':
        this.#receive(packet);
        return;
      case 'progress':
        this.#learnProgress(packet);
        return;
      case 'gone':
        this.#closing.abort();
        this.#failure ??= new StreamBroken('the peer has gone');
        this.#notify();
        return;
    }
  }

  #receive(packet: Sequenced): void {
    if (packet.index > this.#received) {
      // One request a gap: everything from there on comes again.
      if (!this.#isGapTold) this.#tellProgress(true);
      this.#isGapTold = true;
      return;
    }
    if (packet.index < this.#received) return;
    if (packet.kind === 'frame') {
      const frame = this.#options.frame.safeParse(packet.frame);
      if (!frame.success) {
        this.#close(new MalformedMessage(this.#options.hears, { cause: frame.error }));
        return;
      }
      this.#waiting.push(frame.data);
    } else {
      this.#peerEnd = { failure: packet.failure };
    }
    this.#received += 1;
    this.#isGapTold = false;
    if (packet.kind === 'end') this.#tellProgress(false);
    this.#notify();
  }

  #learnProgress(progress: Extract<Packet, { readonly kind: 'progress' }>): void {
    const firstUnreceived = this.#sent - this.#unreceived.length;
    this.#unreceived.splice(0, Math.max(0, progress.received - firstUnreceived));
    this.#untakenBytes.splice(0, Math.max(0, progress.taken - this.#taken));
    this.#taken = Math.max(this.#taken, progress.taken);
    if (progress.isGap) for (const packet of this.#unreceived) this.#say(packet);
    if (progress.sent > this.#received) this.#tellProgress(true);
    this.#notify();
  }

  async #keepAlive(): Promise<void> {
    const { clock } = this.#options;
    while (!this.closed.aborted) {
      await clock.sleep(KEEP_ALIVE_PERIOD_MS, this.closed).catch(() => undefined);
      if (this.closed.aborted) return;
      if (clock.nowMs() - this.#heardAtMs >= SILENCE_MS_MAX) {
        this.#close(new StreamBroken(`the peer was silent for ${SILENCE_MS_MAX} ms`));
        return;
      }
      this.#isGapTold = false;
      this.#tellProgress(false);
    }
  }

  #tellProgress(isGap: boolean): void {
    this.#toldTaken = this.#takenHere;
    this.#say({
      kind: 'progress',
      received: this.#received,
      taken: this.#takenHere,
      sent: this.#sent,
      isGap,
    });
  }

  #say(packet: Packet): void {
    if (!this.closed.aborted) this.#options.live.publish(this.#options.speaks, packet);
  }

  #close(failure: Error | undefined): void {
    if (this.closed.aborted) return;
    this.#failure = failure;
    this.#say({ kind: 'gone' });
    this.#closing.abort();
    this.#notify();
  }

  #notify(): void {
    const changed = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    changed.resolve();
  }

  async #changedWithin(timeoutMs: number): Promise<void> {
    const patience = new AbortController();
    const late = this.#options.clock.sleep(timeoutMs, patience.signal).catch(() => undefined);
    await Promise.race([this.#changed.promise, late]);
    patience.abort();
  }
}
