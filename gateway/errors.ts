import { OrreryError } from '@orrery/bus';

/** Every failure that a client can be told, with its HTTP status and the reference's slug of a problem. */
export const failures = {
  AUTHORIZATION_MALFORMED: {
    status: 400,
    slug: 'invalid-auth-params',
    title: 'Missing or invalid authentication parameters.',
  },
  SIGNATURE_EXPIRED: {
    status: 401,
    slug: 'invalid-auth-params',
    title: 'Missing or invalid authentication parameters.',
  },
  SIGNATURE_REPLAYED: {
    status: 401,
    slug: 'auth-failed',
    title: 'Credential/signature mismatch.',
  },
  ACCESS_KEY_UNKNOWN: { status: 401, slug: 'auth-failed', title: 'Credential/signature mismatch.' },
  SIGNATURE_MISMATCH: { status: 401, slug: 'auth-failed', title: 'Credential/signature mismatch.' },
  TOKEN_INVALID: { status: 401, slug: 'auth-failed', title: 'Credential/signature mismatch.' },
  TOKEN_EXPIRED: { status: 401, slug: 'auth-failed', title: 'Credential/signature mismatch.' },
  UNAUTHENTICATED: { status: 401, slug: 'auth-failed', title: 'Credential/signature mismatch.' },
  TICKET_INVALID: { status: 401, slug: 'auth-failed', title: 'Credential/signature mismatch.' },
  FORBIDDEN: { status: 403, slug: 'generic-forbidden', title: 'Forbidden operation.' },
  ROUTE_NOT_FOUND: { status: 404, slug: 'url-not-found', title: 'Unknown URL path.' },
  SESSION_NOT_FOUND: { status: 404, slug: 'object-not-found', title: 'No such session.' },
  SESSION_NOT_RUNNING: {
    status: 409,
    slug: 'session-not-running',
    title: 'The session does not run.',
  },
  APP_NOT_FOUND: { status: 404, slug: 'object-not-found', title: 'No such app service.' },
  APP_NOT_RUNNING: { status: 503, slug: 'service-unavailable', title: 'The app does not run.' },
  APP_BROKEN: { status: 502, slug: 'backend-error', title: 'The app cannot be reached.' },
  APP_TOO_SLOW: { status: 504, slug: 'backend-timeout', title: 'The app does not answer.' },
  FILE_NOT_FOUND: { status: 404, slug: 'object-not-found', title: 'No such file.' },
  FILE_REFUSED: {
    status: 400,
    slug: 'invalid-api-params',
    title: 'Missing or invalid API parameters.',
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    slug: 'method-not-allowed',
    title: 'HTTP Method Not Allowed.',
  },
  BODY_MALFORMED: {
    status: 400,
    slug: 'invalid-api-params',
    title: 'Missing or invalid API parameters.',
  },
  BODY_TOO_LARGE: {
    status: 413,
    slug: 'invalid-api-params',
    title: 'Missing or invalid API parameters.',
  },
  MEDIA_TYPE_UNSUPPORTED: {
    status: 415,
    slug: 'invalid-api-params',
    title: 'Missing or invalid API parameters.',
  },
  INPUT_INVALID: {
    status: 400,
    slug: 'invalid-api-params',
    title: 'Missing or invalid API parameters.',
  },
  QUERY_INVALID: { status: 400, slug: 'graphql-error', title: 'GraphQL-generated error.' },
  QUERY_TOO_DEEP: { status: 400, slug: 'graphql-error', title: 'GraphQL-generated error.' },
  QUERY_TOO_COMPLEX: { status: 400, slug: 'graphql-error', title: 'GraphQL-generated error.' },
  SUBSCRIPTION_TOO_SLOW: {
    status: 429,
    slug: 'rate-limit-exceeded',
    title: 'The client reads too slowly.',
  },
  TOO_MANY_SIGN_INS: {
    status: 429,
    slug: 'rate-limit-exceeded',
    title: 'Too many sign-ins at once.',
  },
  SIGN_IN_BLOCKED: {
    status: 429,
    slug: 'too-many-requests',
    title: 'Too many failed sign-ins.',
  },
  RATE_LIMITED: {
    status: 429,
    slug: 'rate-limit-exceeded',
    title: 'You have reached your API query rate limit.',
  },
  REBUILD_FAILED: { status: 500, slug: 'internal-server-error', title: 'Internal server error.' },
  LOGS_UNAVAILABLE: { status: 404, slug: 'object-not-found', title: 'No such log.' },
  OVERLOADED: { status: 503, slug: 'service-unavailable', title: 'Too much to do already.' },
  UNAVAILABLE: { status: 503, slug: 'service-unavailable', title: 'Service unavailable.' },
  INTERNAL: { status: 500, slug: 'internal-server-error', title: 'Internal server error.' },
} as const;

export type FailureCode = keyof typeof failures;

const RETRYABLE: ReadonlySet<FailureCode> = new Set([
  'OVERLOADED',
  'UNAVAILABLE',
  'SUBSCRIPTION_TOO_SLOW',
  'TOO_MANY_SIGN_INS',
]);

/** What is told to a client instead of a result. `message` is a whole sentence and holds no secret. */
export class RequestFailed extends OrreryError {
  override readonly name = 'RequestFailed';
  readonly code: FailureCode;
  readonly isRetryable: boolean;
  readonly field: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  /** When it may be asked again, where that is known. Milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: FailureCode,
    message: string,
    options: {
      readonly cause?: unknown;
      readonly field?: string | undefined;
      readonly details?: Readonly<Record<string, unknown>> | undefined;
      readonly retryAfterMs?: number | undefined;
    } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.isRetryable = RETRYABLE.has(code);
    this.field = options.field;
    this.details = options.details;
    this.retryAfterMs = options.retryAfterMs;
  }

  get status(): number {
    return failures[this.code].status;
  }
}
