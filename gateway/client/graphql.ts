import type { TokenSource } from './credentials.ts';
import { type DocumentName, documents } from './documents.ts';
import { ResponseUnexpected, SignInRefused } from './errors.ts';
import type { HttpSender } from './http.ts';
import type { Patience } from './patience.ts';
import { failureOfErrors, failureOfResponse, parseBody } from './response.ts';

const CALL_MS_MAX = 30_000;

export interface Call {
  readonly operation: DocumentName;
  readonly variables?: Readonly<Record<string, unknown>>;
  /** Milliseconds until one try must be answered; 30 seconds when absent. */
  readonly deadlineMs?: number;
  /** `once` for what must not be sent again when its answer is lost. */
  readonly delivery?: 'repeat' | 'once';
  readonly signal?: AbortSignal | undefined;
}

export interface GraphqlCaller {
  /**
   * The value of the operation's one root field.
   * @throws {ClientError}
   * @throws the signal's reason, when it fires first.
   */
  call(call: Call): Promise<unknown>;
}

export interface GraphqlParts {
  readonly http: () => Promise<HttpSender>;
  readonly tokens: TokenSource;
  readonly patience: Patience;
}

export function createGraphqlCaller({ http, tokens, patience }: GraphqlParts): GraphqlCaller {
  async function tryOnce(call: Call): Promise<unknown> {
    const token = await tokens.token(call.signal);
    try {
      return await post(call, token);
    } catch (error) {
      // A token may end early, as when the gateway's key changed: one more try with a new one.
      if (!(error instanceof SignInRefused) || !tokens.renew(token)) throw error;
      return await post(call, await tokens.token(call.signal));
    }
  }

  async function post(call: Call, token: string | undefined): Promise<unknown> {
    const sender = await http();
    const response = await sender.post(
      {
        path: '/graphql',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify({
          query: documents[call.operation],
          variables: call.variables ?? {},
        }),
        deadlineMs: call.deadlineMs ?? CALL_MS_MAX,
      },
      call.signal,
    );
    if (response.status >= 400) throw failureOfResponse(response, call.operation);
    return rootField(parseBody(response), call.operation);
  }

  return {
    async call(call) {
      const outage = patience.outage();
      for (;;) {
        try {
          const value = await tryOnce(call);
          outage.end();
          return value;
        } catch (error) {
          call.signal?.throwIfAborted();
          if (call.delivery === 'once') throw error;
          await outage.bear(error, call.signal);
        }
      }
    },
  };
}

/** The one root field of a GraphQL answer. @throws {ClientError} when it holds errors instead. */
export function rootField(body: unknown, operation: DocumentName): unknown {
  if (typeof body === 'object' && body !== null) {
    if ('errors' in body && Array.isArray(body.errors) && body.errors.length > 0) {
      throw failureOfErrors(body.errors);
    }
    if ('data' in body && typeof body.data === 'object' && body.data !== null) {
      const value: unknown = Object.entries(body.data).find(([name]) => name === operation)?.[1];
      if (value !== undefined) return value;
    }
  }
  throw new ResponseUnexpected(`the answer to ${operation} is not what GraphQL promises`);
}
