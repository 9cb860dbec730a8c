import { createServer } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import { fastifyJwt } from '@fastify/jwt';
import { fastifyWebsocket } from '@fastify/websocket';
import { FRAME_BYTES_MAX } from '@orrery/bus';
import {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyServerFactory,
  fastify,
  LogController,
  type RouteOptions,
} from 'fastify';
import { handleProtocols } from 'graphql-ws';
import { authorise } from './auth/authorise.ts';
import { findOperation } from './auth/may.ts';
import { RATE_WINDOW_MS } from './auth/request-rates.ts';
import { createTokens, TOKEN_ALGORITHM } from './auth/tokens.ts';
import { type FailureCode, RequestFailed } from './errors.ts';
import type { Gateway } from './gateway.ts';
import { failureOf, logFailure, retryHeaders } from './graphql/error-form.ts';
import { registerGraphql } from './graphql/graphql-routes.ts';
import { createAppProxy } from './proxy/bus-app-proxy.ts';
import { registerApps } from './proxy/register-apps.ts';
import { BODY_LIMITS, type BodyLimits, registerBodyDeadlines } from './rest/body-deadlines.ts';
import { registerFiles } from './rest/files-route.ts';
import { problemOf } from './rest/problem.ts';
import { registerRecordings } from './rest/recordings-route.ts';
import { registerReplay } from './rest/replay-route.ts';
import { registerGraphiql, registerRest } from './rest/rest-routes.ts';
import { serveExec } from './sockets/exec-socket.ts';
import { servePort } from './sockets/port-socket.ts';
import { serveTerminal } from './sockets/terminal-socket.ts';

export const BODY_BYTES_MAX = 1024 * 1024;
const URL_CHARACTERS_MAX = 8_192;
/** Of a whole request: none, for how long a body may take is a matter of its route. */
const REQUEST_MS_MAX = 0;
/** For a client to send a request's headers, as without TLS. Milliseconds. */
const HEADERS_MS_MAX = 60_000;
const CLOSE_RESTARTS = 1012;

/**
 * The HTTP server, not yet listening. Closing it ends subscriptions with a code that says to come back.
 * `tellOperation` is told the name of each route, as the table of `may` has it.
 */
export async function buildServer(
  gateway: Gateway,
  {
    tellOperation = () => {},
    tls,
    bodyLimits = BODY_LIMITS,
  }: {
    readonly tellOperation?: (operation: string) => void;
    /** PEM texts; present: it speaks HTTPS. */
    readonly tls?: SecureContextOptions | undefined;
    readonly bodyLimits?: BodyLimits;
  } = {},
): Promise<FastifyInstance> {
  const app: FastifyInstance = fastify({
    ...(tls === undefined ? {} : { serverFactory: securely(tls) }),
    // Only the widest logger type gives the server type that plugins are written for.
    loggerInstance: gateway.logger as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_BYTES_MAX,
    trustProxy: [...(gateway.settings.trustedProxies ?? [])],
    requestTimeout: REQUEST_MS_MAX,
    routerOptions: { maxParamLength: URL_CHARACTERS_MAX },
    return503OnClosing: true,
    forceCloseConnections: 'idle',
  });
  await app.register(fastifyJwt, {
    secret: Buffer.from(gateway.keys.tokenSigning),
    sign: { algorithm: TOKEN_ALGORITHM },
    verify: { algorithms: [TOKEN_ALGORITHM] },
  });
  app.addHook('onRoute', (route) => {
    for (const operation of operationsOf(route)) tellOperation(operation);
  });
  gateway.useTokens(createTokens(app.jwt, gateway.clock));
  await app.register(fastifyWebsocket, {
    options: { maxPayload: FRAME_BYTES_MAX, handleProtocols },
    preClose(done) {
      for (const socket of this.websocketServer.clients)
        socket.close(CLOSE_RESTARTS, 'the gateway restarts');
      this.websocketServer.close(done);
    },
    errorHandler: (error, socket) => {
      gateway.logger.debug({ err: error }, 'a socket failed');
      socket.terminate();
    },
  });
  registerBodyDeadlines(app, gateway, bodyLimits);
  registerGuard(app);
  registerRates(app, gateway);
  registerObservers(app, gateway);
  registerErrors(app, gateway);
  registerGraphql(app, gateway);
  registerRest(app, gateway);
  registerGraphiql(app);
  registerReplay(app, gateway);
  registerFiles(app, gateway);
  registerRecordings(app, gateway);
  registerSockets(app, gateway);
  registerApps(app, createAppProxy(gateway));
  return app;
}

/** The same server behind TLS: the framework's types know of plain ones only. */
function securely(tls: SecureContextOptions): FastifyServerFactory {
  // The framework's limits are for servers that it makes itself.
  const limits = { requestTimeout: REQUEST_MS_MAX, headersTimeout: HEADERS_MS_MAX };
  return (handler) => createServer({ ...tls, ...limits }, handler);
}

function registerSockets(app: FastifyInstance, gateway: Gateway): void {
  app.route<{ Querystring: { readonly ticket?: unknown } }>({
    method: 'GET',
    url: '/exec',
    handler: overSocket,
    wsHandler: async (socket, { query }) =>
      serveExec(gateway, socket, typeof query.ticket === 'string' ? query.ticket : ''),
  });
  app.route({
    method: 'GET',
    url: '/terminal',
    handler: overSocket,
    wsHandler: async (socket, { query }) => serveTerminal(gateway, socket, query),
  });
  app.route({
    method: 'GET',
    url: '/port',
    handler: overSocket,
    wsHandler: async (socket, { query }) => servePort(gateway, socket, query),
  });
}

async function overSocket(): Promise<never> {
  throw new RequestFailed('METHOD_NOT_ALLOWED', 'This is spoken over a WebSocket.');
}

function operationsOf({ method, url, ...route }: RouteOptions): readonly string[] {
  const methods = [method].flat().filter((name) => name !== 'HEAD' && name !== 'OPTIONS');
  const overHttp = methods.map((name) => `${name} ${url}`);
  // Fastify adds a HEAD route to each GET route, with the same handlers.
  const isSocket = route.wsHandler !== undefined && methods.length > 0;
  return isSocket ? [...overHttp, `WS ${url}`] : overHttp;
}

/** Nobody not signed in gets past a route that the table does not open to them. */
function registerGuard(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ method, headers, routeOptions, ws }) => {
    if (routeOptions.url === undefined) return;
    const verb = method === 'HEAD' ? 'GET' : method;
    const operation = findOperation(`${verb} ${routeOptions.url}`);
    if (operation === undefined)
      throw new RequestFailed(
        'FORBIDDEN',
        'Nobody may do this: it is missing in the table of operations.',
      );
    // Who sends credentials is known by the handler only, which then asks `may` again.
    if (!ws && headers.authorization === undefined) authorise({ kind: 'anonymous' }, operation);
  });
}

/** Each answer says how much its caller may still ask (reference: rate limit). */
function registerRates(app: FastifyInstance, { rates }: Gateway): void {
  app.addHook('onSend', async ({ raw }, reply) => {
    const { limit, remaining } = rates.allowanceOf(raw.headers);
    reply.headers({
      'x-ratelimit-limit': limit,
      'x-ratelimit-remaining': remaining,
      'x-ratelimit-window': RATE_WINDOW_MS / 1000,
    });
  });
}

function registerObservers(app: FastifyInstance, { metrics }: Gateway): void {
  app.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions } = request;
    const labels = {
      method,
      route: routeOptions.url ?? 'unknown',
      status: String(reply.statusCode),
    };
    metrics.httpSeconds.observe(labels, reply.elapsedTime / 1000);
  });
}

function registerErrors(app: FastifyInstance, gateway: Gateway): void {
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const failure = failureOf(translated(error));
    logFailure(failure, gateway.logger);
    return reply
      .code(failure.status)
      .headers(retryHeaders(failure))
      .header('content-type', 'application/problem+json')
      .send(JSON.stringify(problemOf(failure)));
  });
  app.setNotFoundHandler(({ method, url }) => {
    const [path] = url.split('?');
    throw new RequestFailed('ROUTE_NOT_FOUND', `There is no ${method} ${path}.`);
  });
}

/** What fastify itself refuses, by its codes. */
const OF_FASTIFY: Readonly<Record<string, readonly [FailureCode, string]>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: ['BODY_MALFORMED', 'The body is not valid JSON.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['BODY_MALFORMED', 'The body is empty, but should be JSON.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'BODY_MALFORMED',
    'The body is not as long as its header says.',
  ],
  FST_ERR_CTP_BODY_TOO_LARGE: ['BODY_TOO_LARGE', `The body has more than ${BODY_BYTES_MAX} bytes.`],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'MEDIA_TYPE_UNSUPPORTED',
    'The body is sent as application/json.',
  ],
  FST_ERR_BAD_URL: ['INPUT_INVALID', 'The URL is not valid.'],
};

function translated(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  const known = OF_FASTIFY[String(error.code)];
  if (known !== undefined) return new RequestFailed(known[0], known[1], { cause: error });
  const isClientsFault = 'statusCode' in error && error.statusCode === 400;
  return isClientsFault && error instanceof SyntaxError
    ? new RequestFailed('BODY_MALFORMED', 'The body is not valid JSON.', { cause: error })
    : error;
}
