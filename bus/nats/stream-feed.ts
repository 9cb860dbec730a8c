import { AckPolicy, DeliverPolicy, JetStreamApiError } from '@nats-io/jetstream';
import { type Msg, nanos, nuid, type Subscription } from '@nats-io/transport-node';
import { BusUnavailable } from '../errors.ts';
import type { Link } from './link.ts';

/** The server says this often that a quiet consumer still lives. */
const HEARTBEAT_PERIOD_MS = 2_000;
/** After this many silent periods a new consumer is made. */
const SILENT_PERIODS_MAX = 2.5;
/** A consumer that nobody listens to is removed by the server after this time. */
const ABANDONED_MS_MAX = 30_000;
const REOPEN_DELAY_MS = 500;

export interface StreamMessage {
  readonly subject: string;
  readonly sequence: number;
  readonly body: Uint8Array;
}

export interface FeedOptions {
  readonly stream: string;
  readonly filter: string;
  readonly afterSequence: number;
  readonly messagesMax: number;
  /** Default 2,000; more where there are thousands of followers. */
  readonly heartbeatPeriodMs?: number;
  readonly signal: AbortSignal;
}

/**
 * Messages of a stream in order, as they come, in arrays of what has arrived. The server's consumer is
 * ephemeral: the position is kept here, and whenever messages are missing or the server forgot the
 * consumer (it does at every restart) a new one begins behind the last message seen.
 */
export async function* followStream(
  link: Link,
  options: FeedOptions,
): AsyncGenerator<readonly StreamMessage[]> {
  if (options.signal.aborted) return;
  const feed = new StreamFeed(link, options);
  try {
    for (;;) {
      const messages = await feed.take();
      if (messages === undefined) return;
      yield messages;
    }
  } finally {
    feed.end();
  }
}

/** One ephemeral push consumer and what is known of it. */
interface Consumer {
  readonly name: string;
  readonly subscription: Subscription;
  delivered: number;
}

class StreamFeed {
  readonly #link: Link;
  readonly #options: FeedOptions;
  readonly #heartbeatPeriodMs: number;
  readonly #ended = new AbortController();
  readonly #stopListening: () => void;
  #position: number;
  #messages: StreamMessage[] = [];
  #flowReplies: string[] = [];
  #consumer: Consumer | undefined;
  #heardAtMs: number;
  #wake: (() => void) | undefined;
  #repair: AbortController | undefined;
  #failure: unknown;

  constructor(link: Link, options: FeedOptions) {
    this.#link = link;
    this.#options = options;
    this.#heartbeatPeriodMs = options.heartbeatPeriodMs ?? HEARTBEAT_PERIOD_MS;
    this.#position = options.afterSequence;
    this.#heardAtMs = link.clock.nowMs();
    const onAbort = (): void => this.end();
    options.signal.addEventListener('abort', onAbort, { once: true });
    const stopReconnect = link.onReconnect(() => this.#reopen());
    this.#stopListening = () => {
      options.signal.removeEventListener('abort', onAbort);
      stopReconnect();
    };
    void this.#run();
  }

  /** The next messages, or undefined at the end. @throws {BusUnavailable} when the connection was closed. */
  async take(): Promise<readonly StreamMessage[] | undefined> {
    while (this.#messages.length === 0) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended.signal.aborted) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#ended.signal.aborted) return undefined;
    const { messagesMax } = this.#options;
    if (this.#messages.length > messagesMax) return this.#messages.splice(0, messagesMax);
    const messages = this.#messages;
    this.#messages = [];
    for (const subject of this.#flowReplies.splice(0)) this.#link.tell(subject);
    return messages;
  }

  end(): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    this.#stopListening();
    this.#drop();
    this.#wakeUp();
  }

  /** Keeps one consumer alive for as long as the feed lives. */
  async #run(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      if (this.#link.closed.aborted) {
        this.#failure = new BusUnavailable('stay connected');
        this.#wakeUp();
        return;
      }
      this.#repair = new AbortController();
      const trouble = AbortSignal.any([signal, this.#repair.signal, this.#link.closed]);
      try {
        await this.#open();
        await this.#watch(trouble);
      } catch (error) {
        if (signal.aborted) return;
        if (this.#link.closed.aborted) continue;
        this.#link.logger.error(
          { err: error, stream: this.#options.stream, filter: this.#options.filter },
          'a consumer cannot be made; trying again',
        );
        await this.#link.clock.sleep(REOPEN_DELAY_MS, signal).catch(() => undefined);
      }
      this.#drop();
    }
  }

  async #open(): Promise<void> {
    const { stream, filter } = this.#options;
    const name = nuid.next();
    const deliverSubject = this.#link.newInbox();
    const subscription = this.#link.connection.subscribe(deliverSubject, {
      callback: (error, message) => {
        if (this.#consumer !== consumer) return;
        if (error !== null) this.#reopen();
        else this.#receive(consumer, message);
      },
    });
    const consumer: Consumer = { name, subscription, delivered: 0 };
    this.#consumer = consumer;
    this.#heardAtMs = this.#link.clock.nowMs();
    await this.#link.exchange(
      'make a consumer',
      () =>
        this.#link.guarded(
          this.#link.manager.consumers.add(stream, {
            name,
            deliver_subject: deliverSubject,
            deliver_policy: DeliverPolicy.StartSequence,
            opt_start_seq: this.#position + 1,
            ack_policy: AckPolicy.None,
            filter_subject: filter,
            flow_control: true,
            idle_heartbeat: nanos(this.#heartbeatPeriodMs),
            inactive_threshold: nanos(ABANDONED_MS_MAX),
            mem_storage: true,
            num_replicas: 1,
          }),
        ),
      this.#ended.signal,
    );
  }

  /** Resolves when the consumer must be replaced or the feed ends. */
  async #watch(trouble: AbortSignal): Promise<void> {
    const silenceMsMax = this.#heartbeatPeriodMs * SILENT_PERIODS_MAX;
    while (!trouble.aborted) {
      await this.#link.clock.sleep(this.#heartbeatPeriodMs, trouble).catch(() => undefined);
      const silentMs = this.#link.clock.nowMs() - this.#heardAtMs;
      if (this.#link.isConnected && silentMs > silenceMsMax) return;
    }
  }

  #receive(consumer: Consumer, message: Msg): void {
    this.#heardAtMs = this.#link.clock.nowMs();
    const place = message.reply === undefined ? undefined : parsePlace(message.reply);
    if (place === undefined) {
      this.#receiveStatus(consumer, message);
      return;
    }
    if (place.delivery !== consumer.delivered + 1) {
      this.#reopen();
      return;
    }
    consumer.delivered = place.delivery;
    this.#position = place.sequence;
    this.#messages.push({
      subject: message.subject,
      sequence: place.sequence,
      body: message.data,
    });
    if (this.#messages.length === 1) this.#wakeUp();
  }

  #receiveStatus(consumer: Consumer, message: Msg): void {
    if (message.headers?.code !== 100) {
      // The consumer or its stream is gone.
      this.#reopen();
      return;
    }
    if (message.reply !== undefined && message.reply !== '') {
      this.#allowMore(message.reply);
      return;
    }
    const stalled = message.headers.get('Nats-Consumer-Stalled');
    if (stalled !== '') this.#allowMore(stalled);
    const delivered = Number(message.headers.get('Nats-Last-Consumer'));
    if (delivered > consumer.delivered) this.#reopen();
  }

  /** The server sends on only when told so: a slow reader holds no more than its flow-control window. */
  #allowMore(subject: string): void {
    if (this.#messages.length === 0) this.#link.tell(subject);
    else this.#flowReplies.push(subject);
  }

  #reopen(): void {
    this.#drop();
    this.#repair?.abort();
  }

  #drop(): void {
    const consumer = this.#consumer;
    if (consumer === undefined) return;
    this.#consumer = undefined;
    this.#flowReplies = [];
    const { connection, manager, logger, isConnected } = this.#link;
    if (connection.isClosed() || connection.isDraining()) return;
    consumer.subscription.unsubscribe();
    if (!isConnected) return;
    manager.consumers.delete(this.#options.stream, consumer.name).catch((error: unknown) => {
      // The server removes it by itself when nobody listens; most often it has forgotten it already.
      if (!(error instanceof JetStreamApiError))
        logger.debug({ err: error }, 'a consumer was left to the server');
    });
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

const ACK_PREFIX = '$JS.ACK.';

/** The acknowledgement subject tells a message's place: of 9 tokens, or of 11 and more with a domain. */
function parsePlace(
  reply: string,
): { readonly sequence: number; readonly delivery: number } | undefined {
  if (!reply.startsWith(ACK_PREFIX)) return undefined;
  const tokens = reply.split('.');
  const first = tokens.length === 9 ? 5 : 7;
  return { sequence: Number(tokens[first]), delivery: Number(tokens[first + 1]) };
}
