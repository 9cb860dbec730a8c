import type { IncomingHttpHeaders } from 'node:http';
import { type Clock, DEFAULT_RATE_LIMIT } from '@orrery/bus';
import type { KeypairRow, UserRow } from '@orrery/projections';
import { RequestFailed } from '../errors.ts';
import type { Identities } from './identities.ts';
import type { Caller } from './may.ts';
import type { RequestRates } from './request-rates.ts';
import type { SeenSignatures } from './seen-signatures.ts';
import {
  isSignatureHeader,
  isSignedUnder,
  type RequestLine,
  readSignedRequest,
} from './signature.ts';
import type { SigningKeys } from './signing-keys.ts';
import type { Tokens } from './tokens.ts';

export interface Authenticator {
  readonly identities: Identities;
  tokens(): Tokens;
  readonly signingKeys: SigningKeys;
  readonly signatures: SeenSignatures;
  readonly rates: RequestRates;
  readonly clock: Clock;
}

/**
 * Who sent the request; anonymous without an Authorization header, or with an empty token.
 * @throws {RequestFailed} that says what is wrong with the token or the signature.
 * @throws {ProjectionsUnavailable} when nobody can be looked up.
 */
export async function authenticate(
  authenticator: Authenticator,
  request: RequestLine,
): Promise<Caller> {
  const { authorization } = request.headers;
  if (authorization === undefined) return { kind: 'anonymous' };
  if (/^Bearer\s*$/i.test(authorization)) return { kind: 'anonymous' };
  const [, token] = /^Bearer\s+(\S+)$/i.exec(authorization) ?? [];
  if (token !== undefined) return authenticateToken(authenticator, token, request.headers);
  if (isSignatureHeader(authorization)) return authenticateSignature(authenticator, request);
  throw new RequestFailed(
    'AUTHORIZATION_MALFORMED',
    'The header Authorization is neither "Bearer TOKEN" nor "BackendAI signMethod=…, credential=…".',
    { field: 'Authorization' },
  );
}

/** @throws as `authenticate`. */
export async function authenticateToken(
  authenticator: Authenticator,
  token: string,
  headers: IncomingHttpHeaders,
): Promise<Caller> {
  const { tokens, identities } = authenticator;
  const { userId, accessKey } = tokens().verify(token);
  const user = await identities.findUser(userId);
  if (user?.isActive !== true) throw inactive();
  const keypair = accessKey === undefined ? undefined : await identities.findKeypair(accessKey);
  if (accessKey !== undefined && keypair?.isActive !== true) throw inactive();
  admit(authenticator, headers, { holder: accessKey ?? userId, keypair });
  return callerOf(user, accessKey);
}

async function authenticateSignature(
  authenticator: Authenticator,
  request: RequestLine,
): Promise<Caller> {
  const { identities, signingKeys, signatures, clock } = authenticator;
  const signed = readSignedRequest(request, clock.nowMs());
  const keypair = await identities.findKeypair(signed.accessKey);
  if (keypair?.isActive !== true) {
    throw new RequestFailed('ACCESS_KEY_UNKNOWN', 'Access key not found');
  }
  if (!isSignedUnder(signingKeys.of(keypair, signed), signed)) {
    throw new RequestFailed('SIGNATURE_MISMATCH', 'Signature mismatch');
  }
  const user = await identities.findUser(keypair.userId);
  if (user?.isActive !== true) throw inactive();
  signatures.admit(signed, clock.nowMs());
  admit(authenticator, request.headers, { holder: keypair.accessKey, keypair });
  return callerOf(user, keypair.accessKey);
}

function admit(
  { rates, clock }: Authenticator,
  headers: IncomingHttpHeaders,
  { holder, keypair }: { readonly holder: string; readonly keypair: KeypairRow | undefined },
): void {
  const limit = keypair?.rateLimit ?? DEFAULT_RATE_LIMIT;
  rates.admit(headers, { holder, limit, nowMs: clock.nowMs() });
}

/** Without a key pair in what they signed in with, their main one counts: its policy is not to be got around. */
export function callerOf(user: UserRow, accessKey: string | undefined): Caller {
  const { id, email, username: userName, role, domain, projectId, projects } = user;
  const membership = { role, domain, projectId, projects };
  const counted = accessKey ?? user.mainAccessKey ?? undefined;
  return { kind: 'user', userId: id, email, userName, ...membership, accessKey: counted };
}

function inactive(): RequestFailed {
  return new RequestFailed('UNAUTHENTICATED', 'The user or the key pair is not active any more.');
}
