import type { Clock } from '@orrery/bus/clock';
import { authorization, SIGNED_PROTOCOL_VERSION, signature } from '../auth/signing.ts';
import type { Endpoint } from './endpoint.ts';
import { ResponseUnexpected } from './errors.ts';
import type { HttpSender } from './http.ts';
import { failureOfResponse, parseBody } from './response.ts';

/** Who calls: a key pair, a token that somebody got before, or nobody yet. */
export type Credentials =
  | { readonly accessKey: string; readonly secretKey: string }
  | { readonly token: string }
  | { readonly anonymous: true };

/** Gives the bearer token of each request. */
export interface TokenSource {
  /** Undefined for nobody. @throws {SignInRefused | GatewayUnreachable} */
  token(signal: AbortSignal | undefined): Promise<string | undefined>;
  /** The gateway did not take this token. Returns whether another one can be had. */
  renew(refused: string | undefined): boolean;
}

const TOKEN_PATH = '/auth/token';
const TOKEN_REQUEST_MS_MAX = 15_000;
/** A token is fetched anew this long before it ends. Milliseconds. */
const TOKEN_MARGIN_MS = 30_000;

interface Token {
  readonly text: string;
  readonly expiresAtMs: number;
}

export interface TokenSourceOptions {
  readonly credentials: Credentials;
  readonly endpoint: Endpoint;
  readonly http: () => Promise<HttpSender>;
  readonly clock: Clock;
}

export function createTokenSource(options: TokenSourceOptions): TokenSource {
  const { credentials, clock } = options;
  if ('anonymous' in credentials) return { token: async () => undefined, renew: () => false };
  if ('token' in credentials) {
    const { token } = credentials;
    return { token: async () => token, renew: () => false };
  }
  let current: Promise<Token> | undefined;
  let known: Token | undefined;
  return {
    async token(signal) {
      if (known !== undefined && known.expiresAtMs - TOKEN_MARGIN_MS < clock.nowMs()) {
        known = undefined;
        current = undefined;
      }
      current ??= fetchToken(credentials, options, signal);
      const asked = current;
      try {
        known = await asked;
        return known.text;
      } catch (error) {
        if (current === asked) current = undefined;
        throw error;
      }
    },
    renew(refused) {
      if (known !== undefined && known.text !== refused) return true;
      known = undefined;
      current = undefined;
      return true;
    },
  };
}

async function fetchToken(
  keys: { readonly accessKey: string; readonly secretKey: string },
  { endpoint, http, clock }: TokenSourceOptions,
  signal: AbortSignal | undefined,
): Promise<Token> {
  const date = new Date(clock.nowMs()).toISOString().replace('Z', '000+00:00');
  const contentType = 'application/json';
  const signed = signature(keys.secretKey, {
    method: 'POST',
    target: `${endpoint.prefix}${TOKEN_PATH}`,
    date,
    host: endpoint.host,
    contentType,
    version: SIGNED_PROTOCOL_VERSION,
  });
  const sender = await http();
  const response = await sender.post(
    {
      path: TOKEN_PATH,
      headers: {
        date,
        'content-type': contentType,
        'x-backendai-version': SIGNED_PROTOCOL_VERSION,
        authorization: authorization(keys.accessKey, signed),
      },
      body: '{}',
      deadlineMs: TOKEN_REQUEST_MS_MAX,
    },
    signal,
  );
  if (response.status !== 200) throw failureOfResponse(response, 'sign-in');
  return parseToken(parseBody(response));
}

function parseToken(body: unknown): Token {
  if (typeof body === 'object' && body !== null && 'token' in body && 'expiresAt' in body) {
    const { token, expiresAt } = body;
    const expiresAtMs = typeof expiresAt === 'string' ? Date.parse(expiresAt) : expiresAt;
    if (typeof token === 'string' && typeof expiresAtMs === 'number' && expiresAtMs > 0) {
      return { text: token, expiresAtMs };
    }
  }
  throw new ResponseUnexpected(`the answer to POST ${TOKEN_PATH} holds no token`);
}
