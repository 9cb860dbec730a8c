import type { FastifyRequest } from 'fastify';
import type { Caller } from '../auth/may.ts';
import type { RequestLine } from '../auth/signature.ts';
import type { Gateway } from '../gateway.ts';
import type { GatewayContext } from './context.ts';
import { createLoaders } from './loaders.ts';

export function contextOf(
  gateway: Gateway,
  caller: Caller,
  request: FastifyRequest,
): GatewayContext {
  const { traceparent } = request.headers;
  const signal = gateway.operationDeadlines.begin();
  return {
    gateway,
    caller,
    address: request.ip,
    loaders: createLoaders(gateway, signal),
    signal,
    traceparent: typeof traceparent === 'string' ? traceparent : undefined,
  };
}

/** What a signature covers of a request, exactly as it came. */
export function lineOf({ raw }: FastifyRequest): RequestLine {
  return { method: raw.method ?? 'GET', target: raw.url ?? '/', headers: raw.headers };
}
