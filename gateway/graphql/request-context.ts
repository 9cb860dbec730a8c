import type { FastifyRequest } from 'fastify';
import type { Caller } from '../auth/may.ts';
import type { RequestLine } from '../auth/signature.ts';
import type { Gateway } from '../gateway.ts';
import type { GatewayContext } from './context.ts';
import { createLoaders } from './loaders.ts';

/** How long an operation may take, a rebuild of the projections included. Milliseconds. */
export const OPERATION_MS_MAX = 30 * 60 * 1000;

export function contextOf(
  gateway: Gateway,
  caller: Caller,
  request: FastifyRequest,
): GatewayContext {
  const { traceparent } = request.headers;
  return {
    gateway,
    caller,
    loaders: createLoaders(gateway),
    signal: AbortSignal.any([gateway.closing, AbortSignal.timeout(OPERATION_MS_MAX)]),
    traceparent: typeof traceparent === 'string' ? traceparent : undefined,
  };
}

/** What a signature covers of a request, exactly as it came. */
export function lineOf({ raw }: FastifyRequest): RequestLine {
  return { method: raw.method ?? 'GET', target: raw.url ?? '/', headers: raw.headers };
}
