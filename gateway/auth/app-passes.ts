import type { JWT } from '@fastify/jwt';
import { AppName, type Clock } from '@orrery/bus';
import { z } from 'zod';
import { RequestFailed } from '../errors.ts';

/** How long the way into an app waits to be taken. */
export const ENTRY_MS = 60_000;
/** How long somebody who was let in may come back; whether they may is asked each time. */
export const VISIT_MS = 12 * 60 * 60 * 1000;
/** Not those of sign-in tokens or terminals: none is ever taken for another. */
const ISSUERS = { entry: 'orrery-app-entry', visit: 'orrery-app-visit' } as const;
type Kind = keyof typeof ISSUERS;

const Claims = z.object({
  sub: z.uuid(),
  iss: z.enum(ISSUERS),
  exp: z.int(),
  session: z.uuid(),
  app: AppName,
});
type Claims = z.infer<typeof Claims>;

/** Who was let into which app. */
export interface AppPass {
  readonly userId: string;
  readonly session: string;
  readonly app: string;
}

/** What opens an app to whoever has it: an entry in an address, then a visit in a cookie. All gateways take both. */
export interface AppPasses {
  issue(kind: Kind, pass: AppPass): { readonly token: string; readonly expiresAtMs: number };
  /** @throws {RequestFailed} `TICKET_INVALID` */
  verify(kind: Kind, token: string): AppPass;
}

export function createAppPasses(jwt: JWT, clock: Clock): AppPasses {
  return {
    issue(kind, { userId, session, app }) {
      const lifeMs = kind === 'entry' ? ENTRY_MS : VISIT_MS;
      const exp = Math.floor((clock.nowMs() + lifeMs) / 1000);
      const claims: Claims = { sub: userId, iss: ISSUERS[kind], exp, session, app };
      return { token: jwt.sign(claims), expiresAtMs: exp * 1000 };
    },
    verify(kind, token) {
      const claims = Claims.safeParse(payloadOf(jwt, token));
      if (!claims.success || claims.data.iss !== ISSUERS[kind]) throw invalid();
      const { sub, exp, session, app } = claims.data;
      if (exp * 1000 <= clock.nowMs()) throw invalid();
      return { userId: sub, session, app };
    },
  };
}

function payloadOf(jwt: JWT, token: string): unknown {
  try {
    return jwt.verify(token, { ignoreExpiration: true });
  } catch (cause) {
    throw invalid(cause);
  }
}

function invalid(cause?: unknown): RequestFailed {
  const message = 'The way into the app is unknown or has expired. Open the app again.';
  return new RequestFailed('TICKET_INVALID', message, { cause });
}
