import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Deadlines } from '../commands/deadlines.ts';
import type { Gateway } from '../gateway.ts';
import { APP_ROUTES } from '../proxy/register-apps.ts';
import { FILES_ROUTE } from './files-route.ts';

/** How long a client may take with what it sends. Milliseconds. */
export interface BodyLimits {
  /** For all of a body. */
  readonly bodyMsMax: number;
  /** Between two pieces of content that streams through, however long that is. */
  readonly uploadIdleMsMax: number;
}

export const BODY_LIMITS: BodyLimits = { bodyMsMax: 60_000, uploadIdleMsMax: 120_000 };
const PERIOD_MS_MAX = 1_000;
const REFUSAL = 'HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n';

/**
 * The server's own limit is one for all routes, and counts from a request's first byte to its last; so it is
 * switched off, and each request whose body is still to come is watched as its route needs it.
 */
export function registerBodyDeadlines(
  app: FastifyInstance,
  { clock, closing }: Gateway,
  { bodyMsMax, uploadIdleMsMax }: BodyLimits,
): void {
  const deadlines = new Deadlines({
    clock,
    closing,
    afterMs: bodyMsMax,
    periodMs: Math.min(PERIOD_MS_MAX, bodyMsMax),
    reason: () => new DOMException('the body took too long', 'TimeoutError'),
  });
  app.addHook('onRequest', async (request, reply) => {
    if (!isBodyToCome(request)) return;
    if (isStreamed(request.routeOptions.url)) watchIdle(request, reply, uploadIdleMsMax);
    else watchWhole(request, reply, { late: deadlines.begin(), closing });
  });
}

/** Whether the content of requests passes through, however long it is. */
function isStreamed(url: string | undefined): boolean {
  return url === FILES_ROUTE || APP_ROUTES.some((route) => route === url);
}

function isBodyToCome({ raw }: FastifyRequest): boolean {
  const { headers, complete } = raw;
  const length = headers['content-length'];
  return !complete && (headers['transfer-encoding'] !== undefined || (length ?? '0') !== '0');
}

function watchWhole(
  { raw }: FastifyRequest,
  reply: FastifyReply,
  { late, closing }: { readonly late: AbortSignal; readonly closing: AbortSignal },
): void {
  const refuse = (): void => {
    // When the gateway closes, what is on its way may still arrive.
    if (!closing.aborted) refuseLate(raw, reply);
  };
  const received = (): void => late.removeEventListener('abort', refuse);
  late.addEventListener('abort', refuse, { once: true });
  raw.once('end', received);
  raw.once('close', received);
}

function watchIdle({ raw }: FastifyRequest, reply: FastifyReply, idleMsMax: number): void {
  raw.setTimeout(idleMsMax, () => refuseLate(raw, reply));
  // The answer may take its time.
  raw.once('end', () => raw.socket.setTimeout(0));
}

function refuseLate({ socket }: FastifyRequest['raw'], reply: FastifyReply): void {
  if (socket.destroyed) return;
  if (reply.raw.headersSent) socket.destroy();
  else socket.end(REFUSAL, () => socket.destroy());
}
