import type { Logger } from '@orrery/bus';
import type { FastifyRequest } from 'fastify';
import type { ExecutionArgs, GraphQLError, GraphQLFormattedError, GraphQLSchema } from 'graphql';
import { makeServer } from 'graphql-ws';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import { authenticate, authenticateToken } from '../auth/authenticate.ts';
import { authorise } from '../auth/authorise.ts';
import type { Caller } from '../auth/may.ts';
import { RequestFailed } from '../errors.ts';
import type { Gateway } from '../gateway.ts';
import { keepAlive } from '../sockets/keep-alive.ts';
import { failureOf, logFailure, toGraphQLError } from './error-form.ts';
import type { QueryGate } from './query-limits.ts';
import { contextOf, lineOf } from './request-context.ts';

/** Time for the first message of a connection. Milliseconds. */
const INIT_MS_MAX = 10_000;
/** Subscriptions on one connection. */
export const SUBSCRIPTIONS_MAX = 100;
const CLOSE_UNAUTHORIZED = 4401;
const CLOSE_BAD_REQUEST = 4400;
const CLOSE_TRY_AGAIN = 1013;
/** A close frame's reason is at most this long. */
const REASON_BYTES_MAX = 123;

/** What `connection_init` may carry: a token, or the headers of a signed request for this address. */
const InitPayload = z.looseObject({
  token: z.string().optional(),
  authorization: z.string().optional(),
  date: z.string().optional(),
  version: z.string().optional(),
});

interface Extra extends Record<PropertyKey, unknown> {
  readonly socket: WebSocket;
  readonly request: FastifyRequest;
  caller?: Caller;
}

export interface SubscriptionServer {
  serve(socket: WebSocket, request: FastifyRequest): void;
}

/** The protocol graphql-transport-ws. */
export function createSubscriptionServer(options: {
  readonly gateway: Gateway;
  readonly schema: GraphQLSchema;
  readonly gate: QueryGate;
}): SubscriptionServer {
  const { gateway, schema, gate } = options;
  const server = makeServer<Record<string, unknown>, Extra>({
    connectionInitWaitTimeout: INIT_MS_MAX,
    onConnect: async ({ extra, connectionParams }) => {
      extra.caller = await callerOf(gateway, extra.request, connectionParams);
      authorise(extra.caller, 'WS /graphql');
      return true;
    },
    onSubscribe: (connection, _id, { query, variables, operationName }) => {
      const { caller = { kind: 'anonymous' }, request } = connection.extra;
      try {
        if (Object.keys(connection.subscriptions).length > SUBSCRIPTIONS_MAX) throw tooMany();
        const { document, errors } = gate.admit(query);
        if (errors.length > 0) return errors.map((error) => toGraphQLError(error, gateway.logger));
        const args: ExecutionArgs = {
          schema,
          document,
          variableValues: variables,
          operationName,
          contextValue: contextOf(gateway, caller, request),
        };
        return args;
      } catch (error) {
        return [toGraphQLError(error, gateway.logger)];
      }
    },
    onError: (_connection, _id, _payload, errors) => toldErrors(errors, gateway.logger),
    // The result is the last of five parameters. Returned, it takes the place of the original one.
    onNext: (...[, , , , { errors, data, extensions }]) => ({
      ...(data === undefined ? {} : { data }),
      ...(errors === undefined ? {} : { errors: toldErrors(errors, gateway.logger) }),
      ...(extensions === undefined ? {} : { extensions }),
    }),
  });
  return { serve: (socket, request) => serve(gateway, server, { socket, request }) };
}

function toldErrors(errors: readonly GraphQLError[], logger: Logger): GraphQLFormattedError[] {
  return errors.map((error) => toGraphQLError(error, logger).toJSON());
}

function serve(
  gateway: Gateway,
  server: ReturnType<typeof makeServer<Record<string, unknown>, Extra>>,
  { socket, request }: { readonly socket: WebSocket; readonly request: FastifyRequest },
): void {
  const { logger } = gateway;
  const closed = server.opened(
    {
      protocol: socket.protocol,
      send: (text) =>
        new Promise((resolve) => {
          if (socket.readyState !== socket.OPEN) return resolve();
          // Resolved when it has left, so that a slow reader is waited for instead of buffered for.
          socket.send(text, () => resolve());
          return undefined;
        }),
      close: (code, reason) => socket.close(code, reason),
      onMessage: (receive) => {
        socket.on('message', (message) => {
          receive(String(message)).catch((error: unknown) => closeBecause(gateway, socket, error));
        });
      },
    },
    { socket, request },
  );
  socket.once('close', (code, reason) => {
    Promise.resolve(closed(code, String(reason))).catch((error: unknown) =>
      logger.error({ err: error }, 'a connection could not be tidied up'),
    );
  });
  keepAlive(socket, gateway.clock).catch((error: unknown) =>
    logger.error({ err: error }, 'a ping failed'),
  );
}

/** The reason is `CODE: sentence`. */
function closeBecause({ logger }: Gateway, socket: WebSocket, error: unknown): void {
  const failure = failureOf(error);
  logFailure(failure, logger);
  const reason = `${failure.code}: ${failure.message}`.slice(0, REASON_BYTES_MAX);
  if (failure.status === 503) socket.close(CLOSE_TRY_AGAIN, reason);
  else socket.close(failure.status === 401 ? CLOSE_UNAUTHORIZED : CLOSE_BAD_REQUEST, reason);
}

async function callerOf(
  gateway: Gateway,
  request: FastifyRequest,
  connectionParams: unknown,
): Promise<Caller> {
  const init = InitPayload.safeParse(connectionParams ?? {});
  if (!init.success)
    throw new RequestFailed('INPUT_INVALID', 'The connection_init payload is not valid.');
  const { token, authorization, date, version } = init.data;
  if (token !== undefined) return authenticateToken(gateway, token, request.raw.headers);
  const line = lineOf(request);
  if (authorization === undefined) return authenticate(gateway, line);
  const signedDate = date ?? textOf(init.data['x-backendai-date']);
  const signedVersion = version ?? textOf(init.data['x-backendai-version']);
  const headers = {
    host: line.headers.host,
    authorization,
    ...(signedDate === undefined ? {} : { date: signedDate }),
    ...(signedVersion === undefined ? {} : { 'x-backendai-version': signedVersion }),
  };
  return authenticate(gateway, { ...line, headers });
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function tooMany(): RequestFailed {
  return new RequestFailed(
    'QUERY_TOO_COMPLEX',
    `A connection carries at most ${SUBSCRIPTIONS_MAX} operations at a time.`,
  );
}
