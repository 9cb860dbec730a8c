import type { FastifyInstance, FastifyReply } from 'fastify';
import { mercurius } from 'mercurius';
import { z } from 'zod';
import { authenticate } from '../auth/authenticate.ts';
import { RequestFailed } from '../errors.ts';
import type { Gateway } from '../gateway.ts';
import { problemOf } from '../rest/problem.ts';
import {
  extensionsOf,
  failureOf,
  RETRY_AFTER_MS,
  statusOfAnswer,
  toGraphQLError,
} from './error-form.ts';
import { QueryGate } from './query-limits.ts';
import { contextOf, lineOf } from './request-context.ts';
import { createResolvers } from './resolvers.ts';
import { createSchema } from './schema.ts';
import { createSubscriptionServer } from './subscription-server.ts';

const Body = z.object({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  operationName: z.string().nullish(),
});

/** `POST /graphql` for queries and mutations, WebSocket `/graphql` for subscriptions. */
export async function registerGraphql(app: FastifyInstance, gateway: Gateway): Promise<void> {
  const schema = createSchema(createResolvers());
  const gate = new QueryGate();
  await app.register(mercurius, {
    schema,
    routes: false,
    graphiql: false,
    errorFormatter: ({ data, errors = [] }) => {
      const told = errors.map((error) => toGraphQLError(error, gateway.logger));
      return {
        statusCode: statusOfAnswer(data, told),
        response: { data: data ?? null, errors: told },
      };
    },
  });
  app.post('/graphql', async (request, reply) => {
    try {
      const caller = await authenticate(gateway, lineOf(request));
      const { query, variables, operationName } = parseBody(request.body);
      gate.admit(query);
      const context = contextOf(gateway, caller, request);
      const answer = await reply.graphql(
        query,
        { ...context },
        variables ?? undefined,
        operationName ?? undefined,
      );
      if (reply.statusCode === 503) tellToRetry(reply);
      return answer;
    } catch (error) {
      return refuse(gateway, reply, error);
    }
  });
  const subscriptions = createSubscriptionServer({ gateway, schema, gate });
  app.route({
    method: 'GET',
    url: '/graphql',
    handler: async (_request, reply) =>
      refuse(
        gateway,
        reply,
        new RequestFailed(
          'METHOD_NOT_ALLOWED',
          'Send operations by POST, subscriptions over a WebSocket.',
        ),
      ),
    wsHandler: (socket, request) => subscriptions.serve(socket, request),
  });
}

function parseBody(unparsed: unknown): z.infer<typeof Body> {
  const parsed = Body.safeParse(unparsed);
  if (parsed.success) return parsed.data;
  throw new RequestFailed(
    'BODY_MALFORMED',
    'The body is a JSON object with the text "query", and if need be "variables" and "operationName".',
    { field: parsed.error.issues[0]?.path.join('.') || undefined },
  );
}

/** One answer that is a GraphQL one and a problem document at the same time. */
function refuse(gateway: Gateway, reply: FastifyReply, error: unknown): FastifyReply {
  const errors = errorsWithin(error).map((each) => toGraphQLError(each, gateway.logger));
  const failure = failureOf(errorsWithin(error)[0] ?? error);
  if (failure.status === 503) tellToRetry(reply);
  return reply
    .code(failure.status)
    .send({ data: null, errors, ...problemOf(failure), extensions: extensionsOf(failure) });
}

/** Mercurius gathers what is wrong with a query in one error. */
function errorsWithin(error: unknown): readonly unknown[] {
  if (!(error instanceof Error && 'errors' in error && Array.isArray(error.errors))) return [error];
  const within: readonly unknown[] = error.errors;
  return within.length > 0 ? within : [error];
}

function tellToRetry(reply: FastifyReply): void {
  reply.header('retry-after', String(RETRY_AFTER_MS / 1000));
}
