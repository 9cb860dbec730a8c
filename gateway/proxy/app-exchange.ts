import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Duplex } from 'node:stream';
import { PeerFailed } from '@orrery/bus';
import { RequestFailed } from '../errors.ts';
import type { Gateway } from '../gateway.ts';
import { openTcp } from '../inside/open-tcp.ts';
import { type HeaderLines, headerLines, headersToApp } from './app-headers.ts';
import type { AppPlace } from './app-path.ts';
import type { AppRequestLine } from './app-proxy.ts';
import type { AppRoute, AppRoutes } from './app-routes.ts';

const CONNECT_MS_MAX = 20_000;
/** Until an app begins to answer; how long it goes on then is its own affair. */
const ANSWER_MS_MAX = 10 * 60_000;

/** One request on its way to an app, over a connection of its own. */
export interface AppQuestion {
  readonly line: AppRequestLine;
  readonly place: AppPlace;
  readonly route: AppRoute;
  /** As the app is to see it. */
  readonly target: string;
  /** Of this connection. */
  readonly connection: HeaderLines;
  /** Fires when nobody wants the answer any more, which ends the connection. */
  readonly over: AbortSignal;
}

/** The request to the app, with its headers and no body yet. @throws {RequestFailed} */
export async function askApp(
  gateway: Gateway,
  routes: AppRoutes,
  asked: AppQuestion,
): Promise<ClientRequest> {
  const { line, target, over, connection } = asked;
  const stream = await connect(gateway, routes, asked);
  const { clientAddress, isSecure } = line;
  const lines = headersToApp(
    headerLines(line.request.rawHeaders),
    { clientAddress, isSecure, place: asked.place },
    connection,
  );
  const outgoing = request({
    createConnection: () => stream,
    method: line.request.method ?? 'GET',
    path: target,
    headers: lines.flat(),
    setHost: false,
  });
  outgoing.on('error', () => undefined);
  over.addEventListener('abort', () => void stream.destroy(), { once: true });
  return outgoing;
}

async function connect(
  gateway: Gateway,
  routes: AppRoutes,
  { route, over }: AppQuestion,
): Promise<Duplex> {
  const { clock, closing } = gateway;
  const late = new AbortController();
  const connected = new AbortController();
  clock.sleep(CONNECT_MS_MAX, connected.signal).then(
    () => late.abort(),
    () => undefined,
  );
  const signal = AbortSignal.any([closing, over, late.signal]);
  try {
    return await openTcp(gateway, route.kernel, route.port, signal);
  } catch (cause) {
    routes.forget(route);
    const { name } = route.app;
    if (late.signal.aborted)
      throw new RequestFailed('APP_TOO_SLOW', `The app ${name} cannot be reached.`, { cause });
    if (!(cause instanceof PeerFailed)) throw cause;
    if (cause.peerCode === 'port-refused')
      throw new RequestFailed(
        'APP_NOT_RUNNING',
        `The app ${name} does not run: nothing answers at its port ${route.port}. Start it, then try again.`,
        { cause },
      );
    if (cause.peerCode.startsWith('kernel-not'))
      throw new RequestFailed('SESSION_NOT_RUNNING', cause.message, { cause });
    throw new RequestFailed('APP_BROKEN', `The app ${name} cannot be reached: ${cause.message}.`, {
      cause,
    });
  } finally {
    connected.abort(new Error('it is connected'));
  }
}

export function answerOf(
  gateway: Gateway,
  outgoing: ClientRequest,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return inTime(gateway, signal, (resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
  });
}

export interface Switched {
  readonly answer: IncomingMessage;
  /** Undefined: the app did not want to. */
  readonly there: Duplex | undefined;
  readonly head: Buffer;
}

export function switchOf(
  gateway: Gateway,
  outgoing: ClientRequest,
  signal: AbortSignal,
): Promise<Switched> {
  return inTime(gateway, signal, (resolve, reject) => {
    outgoing.once('upgrade', (answer, there, head) => resolve({ answer, there, head }));
    outgoing.once('response', (answer) =>
      resolve({ answer, there: undefined, head: Buffer.alloc(0) }),
    );
    outgoing.once('error', reject);
  });
}

async function inTime<Value>(
  { clock }: Gateway,
  signal: AbortSignal,
  begin: (resolve: (value: Value) => void, reject: (cause: unknown) => void) => void,
): Promise<Value> {
  const settled = new AbortController();
  const waited = AbortSignal.any([settled.signal, signal]);
  try {
    return await new Promise<Value>((resolve, reject) => {
      begin(resolve, (cause) =>
        reject(new RequestFailed('APP_BROKEN', 'The app broke the connection.', { cause })),
      );
      clock.sleep(ANSWER_MS_MAX, waited).then(
        () => reject(new RequestFailed('APP_TOO_SLOW', 'The app took too long to answer.')),
        () => reject(new RequestFailed('APP_BROKEN', 'The connection to the app has ended.')),
      );
    });
  } finally {
    settled.abort(new Error('it is answered'));
  }
}
