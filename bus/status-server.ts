import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from './logger.ts';

const REQUEST_TIMEOUT_MS = 5_000;
const CONNECTIONS_MAX = 64;
const LOOPBACK = '127.0.0.1';

export interface StatusServer extends AsyncDisposable {
  readonly port: number;
}

export interface StatusOptions {
  /** 0 takes a free port. */
  readonly port: number;
  /** Why the process cannot do its work now; undefined when it can. */
  findHindrance(): string | undefined | Promise<string | undefined>;
  /** The metrics in the text format of Prometheus. */
  metrics(): string | Promise<string>;
  readonly logger: Logger;
}

/**
 * `/healthz`, `/readyz` and `/metrics` on loopback, for processes that serve nothing else.
 * @throws the system's error when the port is taken.
 */
export async function startStatusServer(options: StatusOptions): Promise<StatusServer> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      options.logger.error({ err: error, url: request.url }, 'a status request failed');
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  server.maxConnections = CONNECTIONS_MAX;
  const { port } = await listen(server, options.port);
  return {
    port,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  options: StatusOptions,
  { method, url }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD') {
    send(response, { status: 405, text: 'only GET\n' });
    return;
  }
  const [path] = (url ?? '').split('?');
  switch (path) {
    case '/healthz':
      send(response, { status: 200, text: 'ok\n' });
      return;
    case '/readyz': {
      const hindrance = await options.findHindrance();
      if (hindrance === undefined) send(response, { status: 200, text: 'ready\n' });
      else send(response, { status: 503, text: `${hindrance}\n` });
      return;
    }
    case '/metrics':
      send(response, { status: 200, text: await options.metrics() });
      return;
    default:
      send(response, { status: 404, text: 'there are /healthz, /readyz and /metrics\n' });
  }
}

function send(
  response: ServerResponse,
  { status, text }: { readonly status: number; readonly text: string },
): void {
  response.writeHead(status, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
  response.end(text);
}

function listen(server: Server, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, LOOPBACK, () => {
      server.off('error', reject);
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('no port was taken'));
      else resolve(address);
    });
  });
}
