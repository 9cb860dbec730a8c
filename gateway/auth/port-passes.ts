import type { JWT } from '@fastify/jwt';
import { type Clock, PortNumber } from '@orrery/bus';
import { z } from 'zod';
import { RequestFailed } from '../errors.ts';

/** For the connections that begin until then; those that are there go on. */
export const PORT_PASS_MS = 60_000;
/** Not that of other tokens: none is ever taken for another. */
const PASS_ISSUER = 'orrery-port';

const Claims = z.object({
  sub: z.uuid(),
  iss: z.literal(PASS_ISSUER),
  exp: z.int(),
  session: z.uuid(),
  port: PortNumber,
});
type Claims = z.infer<typeof Claims>;

export interface PortPass {
  readonly userId: string;
  readonly session: string;
  readonly port: number;
}

/** What opens a port of a session to whoever has it: all gateways of a cluster take it. */
export interface PortPasses {
  issue(pass: PortPass): { readonly token: string; readonly expiresAtMs: number };
  /** @throws {RequestFailed} `TICKET_INVALID` */
  verify(token: string): PortPass;
}

export function createPortPasses(jwt: JWT, clock: Clock): PortPasses {
  return {
    issue({ userId, session, port }) {
      const exp = Math.floor((clock.nowMs() + PORT_PASS_MS) / 1000);
      const claims: Claims = { sub: userId, iss: PASS_ISSUER, exp, session, port };
      return { token: jwt.sign(claims), expiresAtMs: exp * 1000 };
    },
    verify(token) {
      const claims = Claims.safeParse(payloadOf(jwt, token));
      if (!claims.success || claims.data.exp * 1000 <= clock.nowMs()) throw invalid();
      const { sub, session, port } = claims.data;
      return { userId: sub, session, port };
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
  return new RequestFailed('TICKET_INVALID', 'The way to the port is unknown or has expired.', {
    cause,
  });
}
