import type { JWT } from '@fastify/jwt';
import { type Clock, TerminalMode, TerminalName } from '@orrery/bus';
import { z } from 'zod';
import { RequestFailed } from '../errors.ts';

/** How long a pass of one's own is good; whoever is cut off gets another. */
export const OWN_PASS_MS = 60_000;
export const SHARED_PASS_MS_MAX = 12 * 60 * 60 * 1000;
/** Not that of sign-in tokens: neither is ever taken for the other. */
const PASS_ISSUER = 'orrery-terminal';

const TerminalPass = z.object({
  /** Who was let in, or lets somebody in. */
  sub: z.uuid(),
  iss: z.literal(PASS_ISSUER),
  exp: z.int(),
  session: z.uuid(),
  terminal: TerminalName,
  mode: TerminalMode,
  isShared: z.boolean(),
  isRecorded: z.boolean(),
});
type Claims = z.infer<typeof TerminalPass>;
export type TerminalPass = Readonly<Omit<Claims, 'iss' | 'exp' | 'sub'> & { userId: string }>;

/** What opens a terminal to whoever has it: all gateways of a cluster take it. */
export interface TerminalPasses {
  issue(
    pass: TerminalPass,
    lifeMs: number,
  ): { readonly token: string; readonly expiresAtMs: number };
  /** @throws {RequestFailed} `TICKET_INVALID` */
  verify(token: string): TerminalPass;
}

export function createTerminalPasses(jwt: JWT, clock: Clock): TerminalPasses {
  return {
    issue({ userId, ...pass }, lifeMs) {
      const exp = Math.floor((clock.nowMs() + lifeMs) / 1000);
      const claims: Claims = { ...pass, sub: userId, iss: PASS_ISSUER, exp };
      return { token: jwt.sign(claims), expiresAtMs: exp * 1000 };
    },
    verify(token) {
      const claims = TerminalPass.safeParse(payloadOf(jwt, token));
      if (!claims.success || claims.data.exp * 1000 <= clock.nowMs()) throw invalid();
      const { sub, iss: _, exp: _exp, ...pass } = claims.data;
      return { ...pass, userId: sub };
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
  return new RequestFailed(
    'TICKET_INVALID',
    'The way into the terminal is unknown or has expired.',
    {
      cause,
    },
  );
}
