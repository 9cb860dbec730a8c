import type { FastifyInstance, FastifyReply } from 'fastify';
import { execute, type GraphQLError } from 'graphql';
import { z } from 'zod';
import { authenticate } from '../auth/authenticate.ts';
import { RequestFailed } from '../errors.ts';
import type { Gateway } from '../gateway.ts';
import { problemOf } from '../rest/problem.ts';
import {
  extensionsOf,
  failureOf,
  retryHeaders,
  statusOfAnswer,
  toGraphQLError,
} from './error-form.ts';
import { QueryGate } from './query-limits.ts';
import { contextOf, lineOf } from './request-context.ts';
import { createResolvers } from './resolvers.ts';
import { createSchema } from './schema.ts';
import { createSubscriptionServer } from './subscription-server.ts';
import { withoutValues } from './variable-errors.ts';

const Body = z.object({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  operationName: z.string().nullish(),
});

/** `POST /graphql` for queries and mutations, WebSocket `/graphql` for subscriptions. */
export function registerGraphql(app: FastifyInstance, gateway: Gateway): void {
  const schema = createSchema(createResolvers());
  const gate = new QueryGate(schema);
  app.post('/graphql', async (request, reply) => {
    try {
      const caller = await authenticate(gateway, lineOf(request));
      const { query, variables, operationName } = parseBody(request.body);
      const admitted = gate.admit(query);
      if (admitted.errors.length > 0) return refuse(gateway, reply, admitted.errors);
      const { data, errors = [] } = await execute({
        schema,
        document: admitted.document,
        contextValue: contextOf(gateway, caller, request),
        variableValues: variables,
        operationName,
      });
      if (data === undefined) {
        const asked = { schema, document: admitted.document, operationName, variables };
        return refuse(gateway, reply, withoutValues(errors, asked));
      }
      return answer(gateway, reply, { data, errors });
    } catch (error) {
      return refuse(gateway, reply, [error]);
    }
  });
  const subscriptions = createSubscriptionServer({ gateway, schema, gate });
  app.route({
    method: 'GET',
    url: '/graphql',
    handler: async (_request, reply) =>
      refuse(gateway, reply, [
        new RequestFailed(
          'METHOD_NOT_ALLOWED',
          'Send operations by POST, subscriptions over a WebSocket.',
        ),
      ]),
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

function answer(
  gateway: Gateway,
  reply: FastifyReply,
  { data, errors }: { readonly data: unknown; readonly errors: readonly GraphQLError[] },
): FastifyReply {
  if (errors.length === 0) return reply.send({ data });
  const told = errors.map((error) => toGraphQLError(error, gateway.logger));
  const status = statusOfAnswer(data, told);
  const [failed] = errors;
  if (failed !== undefined && status !== 200) reply.headers(retryHeaders(failureOf(failed)));
  return reply.code(status).send({ data, errors: told });
}

/** One answer that is a GraphQL one and a problem document at the same time. */
function refuse(gateway: Gateway, reply: FastifyReply, reasons: readonly unknown[]): FastifyReply {
  const errors = reasons.map((each) => toGraphQLError(each, gateway.logger));
  const failure = failureOf(reasons[0]);
  return reply
    .code(failure.status)
    .headers(retryHeaders(failure))
    .send({ data: null, errors, ...problemOf(failure), extensions: extensionsOf(failure) });
}
