import { JetStreamApiError, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import {
  connect,
  createInbox,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type NodeConnectionOptions,
  PermissionViolationError,
  RequestError,
  TimeoutError,
} from '@nats-io/transport-node';
import type { Clock } from '../clock.ts';
import { BusRefused, BusUnavailable, MalformedMessage } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { decodeBody } from '../message-codec.ts';
import { NewestPlace } from '../newest-place.ts';
import { reconnectionOptions } from './reconnection.ts';
import { ReplyRoom } from './reply-room.ts';
import { isClosed, Requests, Unanswered } from './requests.ts';
import { StoreLane } from './store-lane.ts';

/** One call of the manager, and all tries of an exchange together. */
const REQUEST_TIMEOUT_MS = 5_000;
const EXCHANGE_MS_MAX = 30_000;
const CONNECT_MS_MAX = 30_000;
const RETRY_DELAY_MS = 20;
const RETRY_DELAY_MS_MAX = 500;
const PING_PERIOD_MS = 10_000;

interface Message {
  readonly subject: string;
  readonly body: Uint8Array | string;
  readonly headers?: MsgHdrs | undefined;
}

export interface LinkOptions {
  readonly servers: readonly string[];
  readonly credentials: NodeConnectionOptions;
  /** What the server calls this client; answers to it come below `_INBOX.<name>`. */
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One connection that lasts for the life of the process, and exchanges over it that outlive its breaks. */
export class Link {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly replies: ReplyRoom;
  readonly newestPlace = new NewestPlace();
  readonly #inboxPrefix: string;
  readonly #requests: Requests;
  readonly #lanes = new Map<string, StoreLane>();
  readonly #closing = new AbortController();
  /** Fires when the connection was given up for good. */
  readonly closed = this.#closing.signal;
  #isConnected = true;
  readonly #interrupts = new Set<(reason: Error) => void>();
  readonly #reconnectListeners = new Set<() => void>();
  readonly #forbiddenListeners = new Set<(subject: string) => void>();

  private constructor(
    connection: NatsConnection,
    manager: JetStreamManager,
    options: { readonly clock: Clock; readonly logger: Logger; readonly name: string },
  ) {
    this.connection = connection;
    this.manager = manager;
    this.clock = options.clock;
    this.logger = options.logger;
    this.#inboxPrefix = inboxPrefixOf(options.name);
    this.replies = new ReplyRoom(connection, this.newInbox());
    const { closed } = this;
    this.#requests = new Requests({ connection, prefix: this.newInbox(), closed, ...options });
    void this.#watch();
    void this.#watchEnd();
  }

  /**
   * @throws {BusRefused} when a server will not have these credentials, or its certificate does not hold.
   * @throws {BusUnavailable} when no server answers within `CONNECT_MS_MAX`.
   */
  static async open(options: LinkOptions): Promise<Link> {
    const deadlineMs = options.clock.nowMs() + CONNECT_MS_MAX;
    for (;;) {
      try {
        const connection = await connect({
          servers: [...options.servers],
          name: options.name,
          ...options.credentials,
          inboxPrefix: inboxPrefixOf(options.name),
          ...reconnectionOptions(),
          ignoreAuthErrorAbort: true,
          pingInterval: PING_PERIOD_MS,
          noAsyncTraces: true,
        });
        const manager = await jetstreamManager(connection, {
          checkAPI: false,
          timeout: REQUEST_TIMEOUT_MS,
        });
        return new Link(connection, manager, options);
      } catch (cause) {
        const refusal = refusalOf(cause, options);
        if (refusal !== undefined) throw refusal;
        if (options.clock.nowMs() > deadlineMs)
          throw new BusUnavailable('accept a connection', { cause });
        await options.clock.sleep(RETRY_DELAY_MS_MAX);
      }
    }
  }

  /** A subject of this client's own, on which nobody else may listen. */
  newInbox(): string {
    return createInbox(this.#inboxPrefix);
  }

  /** Whether the connection stands at this moment. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Calls the listener after each break, once the connection stands again; returns how to stop that. */
  onReconnect(listener: () => void): () => void {
    this.#reconnectListeners.add(listener);
    return () => this.#reconnectListeners.delete(listener);
  }

  /** Calls the listener with each subject on which the server did not let this client publish. */
  onForbidden(listener: (subject: string) => void): void {
    this.#forbiddenListeners.add(listener);
  }

  /**
   * Does something idempotent, again after every break, until it works or the server refuses. What the
   * attempt waits for besides `send` and `call` must be `guarded`.
   * @throws {BusUnavailable} when it did not work within `EXCHANGE_MS_MAX`.
   */
  async exchange<Value>(
    what: string,
    attempt: (count: number) => Promise<Value>,
    signal?: AbortSignal,
  ): Promise<Value> {
    const deadlineMs = this.clock.nowMs() + EXCHANGE_MS_MAX;
    for (let count = 1; ; count++) {
      // What is sent while the connection is down is lost, and its answer would be waited for in vain.
      if (!this.#isConnected) await this.#untilConnected(deadlineMs);
      try {
        return await attempt(count);
      } catch (cause) {
        signal?.throwIfAborted();
        if (this.closed.aborted || isClosed(cause)) throw new BusUnavailable(what, { cause });
        if (!isTransient(cause)) throw cause;
        if (this.clock.nowMs() >= deadlineMs) throw new BusUnavailable(what, { cause });
        if (this.#isConnected)
          await this.clock.sleep(Math.min(RETRY_DELAY_MS * 2 ** count, RETRY_DELAY_MS_MAX));
      }
    }
  }

  /** One request; the answer of the JetStream API or the acknowledgement of a publish. */
  async call(subject: string, body: Uint8Array | string, headers?: MsgHdrs): Promise<Answer> {
    const answer = await this.send(subject, body, headers);
    const value = answerOf(answer);
    if (value.error !== undefined) throw new JetStreamApiError(value.error);
    return value;
  }

  send(subject: string, body: Uint8Array | string, headers?: MsgHdrs): Promise<Msg> {
    return this.#requests.ask(subject, body, headers);
  }

  /** Stores one message, once for its message id, and gives its place. @throws {BusUnavailable} */
  publish(subject: string, body: Uint8Array | string, headers?: MsgHdrs): Promise<number> {
    return this.exchange('store a message', () => this.store({ subject, body, headers }));
  }

  /** One try of storing a message, or of a batch by its last one; gives its place. */
  async store({ subject, body, headers }: Message): Promise<number> {
    const { seq } = await this.call(subject, body, headers);
    if (typeof seq === 'number' && Number.isSafeInteger(seq)) return seq;
    throw new MalformedMessage(subject);
  }

  /** What this connection stores in a stream. */
  lane(stream: string): StoreLane {
    const lane = this.#lanes.get(stream) ?? new StoreLane(this);
    this.#lanes.set(stream, lane);
    return lane;
  }

  /** Says something that may be lost; nothing once the connection is given up. */
  tell(subject: string, body?: Uint8Array | string, headers?: MsgHdrs): void {
    if (!this.#isGivenUp) this.#requests.tell(subject, body, headers);
  }

  /** The same with the subject, below `replies`, on which an answer may come. */
  tellFor(reply: string, subject: string, body: Uint8Array | string): void {
    if (!this.#isGivenUp) this.#requests.tellFor(reply, subject, body);
  }

  /** Hands everything told so far to the connection. */
  flush(): void {
    this.#requests.flush();
  }

  async close(): Promise<void> {
    if (this.#isGivenUp) return;
    this.#requests.flush();
    if (!this.#isConnected) {
      await this.connection.close();
      return;
    }
    try {
      await this.connection.drain();
    } catch (error) {
      // It broke while it was being drained: there is nobody left to say goodbye to.
      if (!isTransient(error) && !isClosed(error)) throw error;
      await this.connection.close();
    }
  }

  get #isGivenUp(): boolean {
    return this.connection.isClosed() || this.connection.isDraining();
  }

  /** Ends the wait when the connection breaks. @throws {Unanswered} then. */
  guarded<Value>(work: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.#interrupts.add(reject);
      work.then(
        (value) => {
          this.#interrupts.delete(reject);
          resolve(value);
        },
        (error) => {
          this.#interrupts.delete(reject);
          reject(error);
        },
      );
    });
  }

  /** Resolves when the connection stands again, or is given up, or the time is over. */
  async #untilConnected(deadlineMs: number): Promise<void> {
    const patience = new AbortController();
    const onEvent = (): void => patience.abort();
    const stop = this.onReconnect(onEvent);
    this.closed.addEventListener('abort', onEvent, { once: true });
    if (!this.closed.aborted)
      await this.clock
        .sleep(deadlineMs - this.clock.nowMs(), patience.signal)
        .catch(() => undefined);
    this.closed.removeEventListener('abort', onEvent);
    stop();
  }

  async #watch(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === 'disconnect') {
        this.#isConnected = false;
        this.logger.warn({ server: status.server }, 'the bus is disconnected');
        this.#interruptAll('the connection broke');
      } else if (status.type === 'reconnect') {
        this.#isConnected = true;
        this.logger.info({ server: status.server }, 'the bus is connected again');
        this.#interruptAll('the connection is another one');
        for (const listener of [...this.#reconnectListeners]) listener();
      } else if (status.type === 'error') {
        const { error } = status;
        if (error instanceof PermissionViolationError && error.operation === 'publish') {
          this.#requests.rejectAll(error, error.subject);
          for (const listener of this.#forbiddenListeners) listener(error.subject);
        }
        this.logger.error({ err: error }, 'the bus server complains');
      }
    }
  }

  async #watchEnd(): Promise<void> {
    await this.connection.closed();
    this.#isConnected = false;
    this.#interruptAll('the connection is closed');
    this.#closing.abort();
  }

  #interruptAll(why: string): void {
    const reason = new Unanswered(why);
    this.#requests.rejectAll(reason);
    for (const interrupt of [...this.#interrupts]) interrupt(reason);
    this.#interrupts.clear();
  }
}

interface Answer {
  readonly seq?: unknown;
  readonly error?: ConstructorParameters<typeof JetStreamApiError>[0];
}

/** Read by hand: there is one for everything that is stored. @throws {MalformedMessage} */
function answerOf(message: Msg): Answer {
  const value = decodeBody(message.subject, message.data);
  if (typeof value !== 'object' || value === null) throw new MalformedMessage(message.subject);
  return value;
}

const SERVICE_UNAVAILABLE = 503;
/** The same message, sent before, is still on its way to the other servers: its place is not known yet. */
const DUPLICATE_IN_PROCESS = 10_158;

function isTransient(error: unknown): boolean {
  return (
    error instanceof Unanswered ||
    error instanceof TimeoutError ||
    error instanceof RequestError ||
    (error instanceof JetStreamApiError &&
      (error.status === SERVICE_UNAVAILABLE || error.code === DUPLICATE_IN_PROCESS))
  );
}

/** Another try would end the same; in one sentence what to look at. */
function refusalOf(
  cause: unknown,
  { servers, name }: Pick<LinkOptions, 'servers' | 'name'>,
): BusRefused | undefined {
  const place = servers.join(', ');
  const chain = causesOf(cause);
  if (chain.some(({ name: kind }) => kind === 'AuthorizationError'))
    return new BusRefused(
      `the bus at ${place} refuses the credentials of ${name}: look at bus.user and bus.password, or bus.nkeySeedFile`,
      { cause },
    );
  const fault = chain.find(isTlsFault);
  if (fault === undefined) return undefined;
  return new BusRefused(
    `there is no trust between ${name} and the bus at ${place} (${fault.message}): look at bus.tls`,
    { cause },
  );
}

function causesOf(error: unknown): readonly Error[] {
  return error instanceof Error ? [error, ...causesOf(error.cause)] : [];
}

const TLS_CODES =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|EPROTO$)/;

function isTlsFault(error: Error): boolean {
  return (
    ('code' in error && typeof error.code === 'string' && TLS_CODES.test(error.code)) ||
    /tls/i.test(error.message)
  );
}

function inboxPrefixOf(name: string): string {
  return `_INBOX.${name}`;
}
