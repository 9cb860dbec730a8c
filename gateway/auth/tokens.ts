import type { JWT } from '@fastify/jwt';
import type { Clock } from '@orrery/bus';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { RequestFailed } from '../errors.ts';
import { type AppPasses, createAppPasses } from './app-passes.ts';
import { createPortPasses, type PortPasses } from './port-passes.ts';
import { createTerminalPasses, type TerminalPasses } from './terminal-passes.ts';

/** How long a token is good. */
export const TOKEN_MS = 12 * 60 * 60 * 1000;
export const TOKEN_ALGORITHM = 'HS256';
const TOKEN_ISSUER = 'orrery';
/** Tokens whose signature need not be computed again. */
const TOKENS_KEPT_MAX = 10_000;

const Claims = z.object({
  sub: z.uuid(),
  iss: z.literal(TOKEN_ISSUER),
  iat: z.int(),
  exp: z.int(),
  /** The access key it was got with. */
  accessKey: z.string().optional(),
});

export interface TokenHolder {
  readonly userId: string;
  readonly accessKey: string | undefined;
}

export interface Tokens {
  issue(holder: TokenHolder): { readonly token: string; readonly expiresAtMs: number };
  /** @throws {RequestFailed} `TOKEN_EXPIRED` or `TOKEN_INVALID`. */
  verify(token: string): TokenHolder;
  readonly terminals: TerminalPasses;
  readonly apps: AppPasses;
  readonly ports: PortPasses;
}

export function createTokens(jwt: JWT, clock: Clock): Tokens {
  const verified = new LRUCache<string, z.infer<typeof Claims>>({ max: TOKENS_KEPT_MAX });
  const claimsOf = (token: string): z.infer<typeof Claims> => {
    const kept = verified.get(token);
    if (kept !== undefined) return kept;
    const claims = Claims.safeParse(verifiedPayload(jwt, token));
    if (!claims.success) throw invalid();
    verified.set(token, claims.data);
    return claims.data;
  };
  return {
    issue({ userId, accessKey }) {
      const issuedAt = Math.floor(clock.nowMs() / 1000);
      const expiresAt = issuedAt + TOKEN_MS / 1000;
      const payload = { sub: userId, iss: TOKEN_ISSUER, iat: issuedAt, exp: expiresAt, accessKey };
      return { token: jwt.sign(payload), expiresAtMs: expiresAt * 1000 };
    },
    verify(token) {
      const { exp, sub, accessKey } = claimsOf(token);
      if (exp * 1000 <= clock.nowMs()) {
        throw new RequestFailed('TOKEN_EXPIRED', 'The token has expired. Sign in again.');
      }
      return { userId: sub, accessKey };
    },
    terminals: createTerminalPasses(jwt, clock),
    apps: createAppPasses(jwt, clock),
    ports: createPortPasses(jwt, clock),
  };
}

function verifiedPayload(jwt: JWT, token: string): unknown {
  try {
    // The expiry is checked against our own clock, so that it can be told apart and tested.
    return jwt.verify(token, { ignoreExpiration: true, algorithms: [TOKEN_ALGORITHM] });
  } catch (cause) {
    throw invalid(cause);
  }
}

function invalid(cause?: unknown): RequestFailed {
  return new RequestFailed('TOKEN_INVALID', 'The token is not one of this gateway.', { cause });
}
