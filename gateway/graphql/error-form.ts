import { type Logger, OrreryError, Overloaded } from '@orrery/bus';
import { GraphQLError } from 'graphql';
import { RequestFailed } from '../errors.ts';

/** The failure that a client is told for whatever was thrown. What nobody meant to tell stays hidden. */
export function failureOf(error: unknown): RequestFailed {
  if (error instanceof RequestFailed) return error;
  if (error instanceof GraphQLError) {
    const { originalError } = error;
    if (
      originalError instanceof Error &&
      originalError !== error &&
      !(originalError instanceof GraphQLError)
    )
      return failureOf(originalError);
    return new RequestFailed('QUERY_INVALID', error.message);
  }
  if (error instanceof Overloaded) {
    return new RequestFailed(
      'OVERLOADED',
      'More waits to be done than may wait. Nothing was begun; ask again in a moment.',
      { cause: error },
    );
  }
  if (error instanceof OrreryError && error.isRetryable) {
    return new RequestFailed(
      'UNAVAILABLE',
      'A part of the system does not answer at the moment. Ask again in a moment.',
      { cause: error },
    );
  }
  return new RequestFailed('INTERNAL', 'Something went wrong in the gateway; its log says what.', {
    cause: error,
  });
}

/** Logged here, once: what the client is not told about, and what the system failed at. */
export function logFailure(failure: RequestFailed, logger: Logger): void {
  if (failure.code === 'INTERNAL') logger.error({ err: failure.cause }, 'a request met a defect');
  else if (failure.status >= 500)
    logger.warn({ err: failure.cause, code: failure.code }, failure.message);
  // What is wrong with a query quotes it, and there may be a password in it.
  else if (failure.code === 'QUERY_INVALID')
    logger.debug({ code: failure.code }, 'a query is wrong');
  else logger.debug({ code: failure.code, field: failure.field }, failure.message);
}

/** What is told of an error. One that was made here before stays as it is. */
export function toGraphQLError(error: unknown, logger: Logger): GraphQLError {
  if (error instanceof GraphQLError && 'status' in error.extensions) return error;
  const failure = failureOf(error);
  logFailure(failure, logger);
  const place = error instanceof GraphQLError ? error : undefined;
  return new GraphQLError(failure.message, {
    ...(place?.nodes === undefined ? {} : { nodes: place.nodes }),
    ...(place?.path === undefined ? {} : { path: place.path }),
    extensions: extensionsOf(failure),
  });
}

/** `status` is the HTTP status that the failure alone would have. */
export function extensionsOf(failure: RequestFailed): Record<string, unknown> {
  const { code, field, details, status, isRetryable } = failure;
  const retryAfterMs = retryAfterMsOf(failure);
  return {
    code,
    status,
    ...(field === undefined ? {} : { field }),
    ...(details === undefined ? {} : { details }),
    ...(isRetryable ? { isRetryable } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

const RETRY_AFTER_MS = 1_000;

function retryAfterMsOf({ retryAfterMs, isRetryable }: RequestFailed): number | undefined {
  return retryAfterMs ?? (isRetryable ? RETRY_AFTER_MS : undefined);
}

/** The header `Retry-After` that a failure is answered with, in whole seconds. */
export function retryHeaders(failure: RequestFailed): Readonly<Record<string, string>> {
  const retryAfterMs = retryAfterMsOf(failure);
  return retryAfterMs === undefined
    ? {}
    : { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) };
}

/** The HTTP status of an answer: 200 as soon as any root field was answered. */
export function statusOfAnswer(
  data: unknown,
  errors: readonly Pick<GraphQLError, 'extensions'>[],
): number {
  const isAnswered =
    typeof data === 'object' &&
    data !== null &&
    Object.values(data).some((value) => value !== null);
  if (isAnswered) return 200;
  const statuses = errors.map(({ extensions }) => Number(extensions['status'] ?? 200));
  return Math.max(200, ...statuses);
}
