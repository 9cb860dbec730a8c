import {
  type ClientError,
  GatewayFailed,
  NotFound,
  OperationRefused,
  type RefusalParts,
  ResponseUnexpected,
  SignInRefused,
} from './errors.ts';
import type { HttpResponse } from './http.ts';

const EXCERPT_CHARACTERS_MAX = 120;

/** @throws {ResponseUnexpected} when the body is no JSON. */
export function parseBody(response: HttpResponse): unknown {
  try {
    return JSON.parse(response.body);
  } catch (cause) {
    const excerpt = JSON.stringify(response.body.slice(0, EXCERPT_CHARACTERS_MAX));
    throw new ResponseUnexpected(
      `what answers at the endpoint is no gateway: HTTP ${response.status}, ${excerpt}`,
      { cause },
    );
  }
}

/** The failure behind an answer that holds no result. */
export function failureOfResponse(response: HttpResponse, operation: string): ClientError {
  const body = jsonObject(response.body);
  const [graphqlError] = Array.isArray(body['errors']) ? body['errors'] : [];
  const parts = graphqlError === undefined ? restParts(body) : errorParts(graphqlError);
  const message = parts.message || `${operation} failed with HTTP status ${response.status}`;
  const code = parts.code || `http.${response.status}`;
  return refusal({ ...parts, code, message }, response.status);
}

/** The failure told by GraphQL errors, over HTTP or over a subscription. */
export function failureOfErrors(errors: readonly unknown[]): ClientError {
  const parts = errorParts(errors[0]);
  return refusal(
    { ...parts, code: parts.code || 'graphql', message: parts.message || 'the operation failed' },
    parts.status,
  );
}

export function refusalOf(rejection: RefusalParts): OperationRefused {
  return isNotFound(rejection.code) ? new NotFound(rejection) : new OperationRefused(rejection);
}

interface Parts extends RefusalParts {
  readonly isRetryable: boolean | undefined;
  readonly status: number;
}

/** Codes of the gateway by which it says that it does not know the caller. */
const SIGN_IN_CODES: ReadonlySet<string> = new Set([
  'UNAUTHENTICATED',
  'TOKEN_INVALID',
  'TOKEN_EXPIRED',
  'ACCESS_KEY_UNKNOWN',
  'SIGNATURE_MISMATCH',
  'SIGNATURE_EXPIRED',
  'AUTHORIZATION_MALFORMED',
]);

/** Codes of the gateway for what may pass by itself. */
const PASSING_CODES: ReadonlySet<string> = new Set([
  'UNAVAILABLE',
  'LOGS_UNAVAILABLE',
  'SUBSCRIPTION_TOO_SLOW',
  'TOO_MANY_SIGN_INS',
]);
const PASSING_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504]);

function refusal(parts: Parts, status: number): ClientError {
  const { code, message } = parts;
  if (status === 401 || SIGN_IN_CODES.has(code)) return new SignInRefused(parts);
  if (isLostLog(parts)) return new GatewayFailed({ code, message, isRetryable: false });
  if (parts.isRetryable === true || PASSING_CODES.has(code) || PASSING_STATUSES.has(status)) {
    return new GatewayFailed({ code, message, isRetryable: true });
  }
  if (isNotFound(code)) return new NotFound(parts);
  if (status >= 500) return new GatewayFailed({ code, message, isRetryable: false });
  return new OperationRefused(parts);
}

/** The node keeps nothing of that kernel: asking again would wait for what cannot come. */
function isLostLog({ code, details }: Parts): boolean {
  return code === 'LOGS_UNAVAILABLE' && asObject(details)['reason'] === 'kernel-not-found';
}

/** Deciders write `session-not-found`, the gateway `SESSION_NOT_FOUND`. */
function isNotFound(code: string): boolean {
  return /(^|[-_.])not[-_]found$/i.test(code);
}

/** A GraphQL error: its code and field are extensions. */
function errorParts(error: unknown): Parts {
  const body = asObject(error);
  const extensions = asObject(body['extensions']);
  const status = extensions['status'] ?? asObject(extensions['http'])['status'];
  return {
    code: text(extensions['code']),
    message: text(body['message']),
    field: text(extensions['field']) || undefined,
    details: extensions['details'],
    isRetryable: extensions['isRetryable'] === true ? true : undefined,
    status: typeof status === 'number' ? status : 0,
  };
}

/** A plain HTTP error: our own form, or a problem document (reference: errors). */
function restParts(body: Readonly<Record<string, unknown>>): Parts {
  const type = text(body['type']);
  return {
    code: text(body['code']) || text(body['error_code']) || type.slice(type.lastIndexOf('/') + 1),
    message: text(body['message']) || text(body['msg']) || text(body['title']),
    field: text(body['field']) || undefined,
    details: body['details'] ?? body['data'],
    isRetryable: body['isRetryable'] === true ? true : undefined,
    status: 0,
  };
}

function jsonObject(body: string): Readonly<Record<string, unknown>> {
  try {
    return asObject(JSON.parse(body));
  } catch {
    // A proxy in front of the gateway answers with a page of its own: the status says enough.
    return {};
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
