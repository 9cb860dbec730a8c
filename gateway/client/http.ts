import type { Clock } from '@orrery/bus/clock';
import type { Endpoint } from './endpoint.ts';
import { GatewayUnreachable, ResponseUnexpected } from './errors.ts';

/** Connections of one client, unless it asks for another number. */
export const CONNECTIONS_MAX = 16;
const RESPONSE_BYTES_MAX = 256 * 1024 * 1024;
/** Given as a reason so that none is made, with a stack, for every request. */
const FINISHED = new Error('the request is answered');

export interface HttpRequest {
  /** Path under the endpoint's prefix, such as `/graphql`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Milliseconds until the whole answer must be there. */
  readonly deadlineMs: number;
}

export interface HttpResponse {
  readonly status: number;
  readonly body: string;
}

/** Sends POST requests over kept connections. */
export interface HttpSender extends Disposable {
  /**
   * @throws {GatewayUnreachable} when no whole answer came in time.
   * @throws the signal's reason, when it fires first.
   */
  post(request: HttpRequest, signal: AbortSignal | undefined): Promise<HttpResponse>;
}

export async function createHttpSender(
  endpoint: Endpoint,
  { clock, connectionsMax }: { readonly clock: Clock; readonly connectionsMax: number },
): Promise<HttpSender> {
  const http = endpoint.isSecure ? await import('node:https') : await import('node:http');
  const agent = new http.Agent({ keepAlive: true, maxSockets: connectionsMax });

  function send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      const outgoing = http.request(
        `${endpoint.url}${request.path}`,
        {
          method: 'POST',
          agent,
          signal,
          headers: {
            ...request.headers,
            host: endpoint.host,
            'content-length': Buffer.byteLength(request.body),
          },
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          let bytes = 0;
          incoming.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes > RESPONSE_BYTES_MAX) {
              outgoing.destroy();
              reject(
                new ResponseUnexpected(`the gateway's answer is over ${RESPONSE_BYTES_MAX} bytes`),
              );
              return;
            }
            chunks.push(chunk);
          });
          incoming.on('error', reject);
          incoming.on('end', () => {
            resolve({
              status: incoming.statusCode ?? 0,
              body: Buffer.concat(chunks).toString('utf8'),
            });
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(request.body);
    });
  }

  return {
    async post(request, signal) {
      signal?.throwIfAborted();
      const finished = new AbortController();
      const late = new AbortController();
      const deadline = clock.sleep(request.deadlineMs, finished.signal).then(
        () => late.abort(),
        () => undefined,
      );
      try {
        return await send(
          request,
          signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]),
        );
      } catch (cause) {
        signal?.throwIfAborted();
        throw toFailure(cause, { endpoint, isLate: late.signal.aborted, request });
      } finally {
        finished.abort(FINISHED);
        await deadline;
      }
    },
    [Symbol.dispose]() {
      agent.destroy();
    },
  };
}

interface FailureFacts {
  readonly endpoint: Endpoint;
  readonly isLate: boolean;
  readonly request: HttpRequest;
}

function toFailure(cause: unknown, { endpoint, isLate, request }: FailureFacts): Error {
  if (cause instanceof ResponseUnexpected) return cause;
  if (isLate) {
    const seconds = Math.round(request.deadlineMs / 1000);
    return new GatewayUnreachable(`${endpoint.url} did not answer within ${seconds} s`, { cause });
  }
  return unreachableFrom(cause, endpoint);
}

/** Codes of errors that mean the connection was never made. */
const REFUSED_CODES = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EACCES',
  'ENOENT',
]);

export function unreachableFrom(cause: unknown, endpoint: Endpoint): GatewayUnreachable {
  const code = errorCode(cause);
  const isRefusedConnection = code !== undefined && REFUSED_CODES.has(code);
  const what = isRefusedConnection ? 'cannot be reached' : 'broke the connection';
  return new GatewayUnreachable(
    `the gateway at ${endpoint.url} ${what}${code === undefined ? '' : ` (${code})`}`,
    { cause, isRefusedConnection },
  );
}

function errorCode(cause: unknown): string | undefined {
  if (typeof cause !== 'object' || cause === null) return undefined;
  if ('code' in cause && typeof cause.code === 'string') return cause.code;
  return 'error' in cause ? errorCode(cause.error) : undefined;
}
