import { failures, type RequestFailed } from '../errors.ts';

const PROBLEM_BASE = 'https://api.backend.ai/probs/';

/** The body of a problem document (reference: errors), with our own stable code. */
export function problemOf(failure: RequestFailed): Record<string, unknown> {
  const { slug, title } = failures[failure.code];
  return {
    type: `${PROBLEM_BASE}${slug}`,
    title,
    msg: failure.message,
    error_code: failure.code,
    code: failure.code,
    ...(failure.field === undefined ? {} : { field: failure.field }),
    ...(failure.details === undefined ? {} : { details: failure.details }),
    ...(failure.isRetryable ? { isRetryable: true } : {}),
  };
}
