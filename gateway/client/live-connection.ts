import type { Clock } from '@orrery/bus/clock';
import type { Client } from 'graphql-ws';
import type { TokenSource } from './credentials.ts';
import { type DocumentName, documents } from './documents.ts';
import { type Endpoint, webSocketUrl } from './endpoint.ts';
import { ClientError } from './errors.ts';
import { rootField } from './graphql.ts';
import { unreachableFrom } from './http.ts';
import { failureOfErrors } from './response.ts';

const PING_EVERY_MS = 10_000;
const PONG_MS_MAX = 10_000;
const ACKNOWLEDGE_MS_MAX = 15_000;
/** Items that wait for a slow reader before its subscription is dropped, to be resumed later. */
const ITEMS_WAITING_MAX = 256;

/** The reader was too slow: everything taken so far is good, the rest is to be asked for again. */
export class ReaderLate extends ClientError {
  override readonly name = 'ReaderLate';
  readonly code = 'client.reader-late';
  readonly isRetryable = true;
}

/** One WebSocket for all subscriptions, opened by the first and closed after the last. */
export interface LiveConnection {
  /**
   * One try of a subscription: its items until the server completes it.
   * @throws {ClientError} when it is refused, when the connection breaks, or {@link ReaderLate}.
   */
  open(
    operation: DocumentName,
    variables: Readonly<Record<string, unknown>>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<unknown, void>;
  /** Milliseconds for which the latest socket was up since `sinceMs`. */
  steadyMs(sinceMs: number): number;
  close(): Promise<void>;
}

export interface LiveParts {
  readonly endpoint: Endpoint;
  readonly tokens: TokenSource;
  readonly clock: Clock;
}

export function createLiveConnection(parts: LiveParts): LiveConnection {
  let client: Promise<Client> | undefined;
  const uptime = createUptime(parts.clock);
  return {
    async *open(operation, variables, signal) {
      signal?.throwIfAborted();
      client ??= createWebSocketClient(parts, uptime);
      const opened = await client;
      const waiting = new WaitingItems();
      const stop = (): void => waiting.fail(signal?.reason);
      signal?.addEventListener('abort', stop, { once: true });
      // A socket closed as normal would make graphql-ws ask again for the old place by itself.
      const cut = (error: unknown): void => {
        waiting.fail(toFailure(error, parts.endpoint));
        unsubscribe();
      };
      const unlistens = [opened.on('error', cut), opened.on('closed', cut)];
      const unsubscribe = opened.subscribe<Record<string, unknown>>(
        { query: documents[operation], variables },
        {
          next: (message: unknown) => waiting.add(() => rootField(message, operation)),
          error: (error: unknown) => waiting.fail(toFailure(error, parts.endpoint)),
          complete: () => waiting.finish(),
        },
      );
      try {
        yield* waiting.items(unsubscribe);
      } finally {
        for (const unlisten of unlistens) unlisten();
        unsubscribe();
        signal?.removeEventListener('abort', stop);
      }
    },
    steadyMs: uptime.steadyMs,
    async close() {
      if (client !== undefined) await (await client).dispose();
    },
  };
}

/** What has arrived and was not read yet. */
class WaitingItems {
  readonly #items: (() => unknown)[] = [];
  #end: { readonly failure?: unknown } | undefined;
  #wake: () => void = () => {};

  add(item: () => unknown): void {
    if (this.#end !== undefined) return;
    if (this.#items.length >= ITEMS_WAITING_MAX) {
      this.fail(new ReaderLate('the reader of a stream is late'));
      return;
    }
    this.#items.push(item);
    this.#wake();
  }

  fail(failure: unknown): void {
    this.#end ??= { failure };
    this.#wake();
  }

  finish(): void {
    this.#end ??= {};
    this.#wake();
  }

  /** `release` is called as soon as no more items are wanted. */
  async *items(release: () => void): AsyncGenerator<unknown, void> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) yield item();
      else if (this.#end === undefined) await this.#arrival();
      else if ('failure' in this.#end) throw this.#end.failure;
      else return;
      if (this.#end !== undefined) release();
    }
  }

  #arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

function toFailure(error: unknown, endpoint: Endpoint): Error {
  if (error instanceof ClientError) return error;
  if (Array.isArray(error)) return failureOfErrors(error);
  return unreachableFrom(error, endpoint);
}

interface Uptime {
  readonly begin: () => void;
  readonly end: () => void;
  readonly steadyMs: (sinceMs: number) => number;
}

function createUptime(clock: Clock): Uptime {
  let up: { readonly fromMs: number; readonly toMs?: number } | undefined;
  return {
    begin() {
      up = { fromMs: clock.nowMs() };
    },
    end() {
      if (up !== undefined && up.toMs === undefined) up = { ...up, toMs: clock.nowMs() };
    },
    steadyMs(sinceMs) {
      if (up === undefined) return 0;
      return Math.max(0, (up.toMs ?? clock.nowMs()) - Math.max(up.fromMs, sinceMs));
    },
  };
}

async function createWebSocketClient(
  { endpoint, tokens, clock }: LiveParts,
  uptime: Uptime,
): Promise<Client> {
  const [{ createClient }, { WebSocket }] = await Promise.all([import('graphql-ws'), import('ws')]);
  let pongWait: AbortController | undefined;
  const client = createClient({
    url: webSocketUrl(endpoint, '/graphql'),
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    keepAlive: PING_EVERY_MS,
    connectionAckWaitTimeout: ACKNOWLEDGE_MS_MAX,
    connectionParams: async () => {
      const token = await tokens.token(undefined);
      return token === undefined ? {} : { token };
    },
    on: {
      ping: (isReceived) => {
        if (isReceived) return;
        pongWait?.abort();
        const wait = new AbortController();
        pongWait = wait;
        clock.sleep(PONG_MS_MAX, wait.signal).then(
          // Half-open: the other side is gone and nobody told this one.
          () => client.terminate(),
          () => undefined,
        );
      },
      pong: (isReceived) => {
        if (isReceived) pongWait?.abort();
      },
      connected: uptime.begin,
      closed: () => {
        uptime.end();
        pongWait?.abort();
      },
    },
  });
  return client;
}
