import { createHmac, createSecretKey, hash as digest, type KeyObject } from 'node:crypto';

/** Version of the signed-request protocol that our own client speaks. */
export const SIGNED_PROTOCOL_VERSION = 'v8.20240315';

/** Media type that is signed when a request carries no Content-Type header. */
export const UNTYPED_CONTENT = 'application/octet-stream';

/** The parts of a request that its signature covers; the body is not among them. */
export interface SignedParts {
  readonly method: string;
  /** Path and query exactly as on the request line, never encoded again. */
  readonly target: string;
  /** Text of the date header, unchanged. */
  readonly date: string;
  /** Host header, with its port when it has one. */
  readonly host: string;
  /** Content-Type header; parameters and case do not matter. Absent: `application/octet-stream`. */
  readonly contentType?: string | undefined;
  /** Text of the protocol version header. */
  readonly version: string;
  /** Name of that header, in lower case, when it is the legacy one. */
  readonly versionHeader?: 'x-backendai-version' | 'x-sorna-version';
}

/** The seven lines that are signed (reference: the signature). `hash` is a name Node knows. */
export function stringToSign(parts: SignedParts, hash = 'sha256'): string {
  const [mediaType = ''] = (parts.contentType ?? UNTYPED_CONTENT).split(';');
  return [
    parts.method.toUpperCase(),
    parts.target,
    parts.date,
    `host:${parts.host}`,
    `content-type:${mediaType.trim().toLowerCase()}`,
    `${parts.versionHeader ?? 'x-backendai-version'}:${parts.version}`,
    digestOfNothing(hash),
  ].join('\n');
}

/** In place of the body's digest, which is not signed. */
const digestsOfNothing = new Map<string, string>();

function digestOfNothing(hash: string): string {
  const known = digestsOfNothing.get(hash) ?? digest(hash, '', 'hex');
  digestsOfNothing.set(hash, known);
  return known;
}

/** The key of one day and one host, derived from the secret key. */
export function signingKey(
  secretKey: string,
  { date, host }: Pick<SignedParts, 'date' | 'host'>,
  hash = 'sha256',
): KeyObject {
  const dayKey = createHmac(hash, secretKey).update(dayOf(date)).digest();
  return createSecretKey(createHmac(hash, dayKey).update(host).digest());
}

/** Hexadecimal signature under the key of the parts' day and host. */
export function signatureUnder(key: KeyObject, parts: SignedParts, hash = 'sha256'): string {
  return createHmac(hash, key).update(stringToSign(parts, hash)).digest('hex');
}

/** Hexadecimal signature under the key derived from the secret key. */
export function signature(secretKey: string, parts: SignedParts, hash = 'sha256'): string {
  return signatureUnder(signingKey(secretKey, parts, hash), parts, hash);
}

/** Value of the Authorization header. */
export function authorization(accessKey: string, signatureHex: string, hash = 'sha256'): string {
  return `BackendAI signMethod=HMAC-${hash.toUpperCase()}, credential=${accessKey}:${signatureHex}`;
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/**
 * `yyyymmdd` in the date's own zone, of an ISO 8601 or an HTTP date. Empty when the text is neither:
 * a verifier has refused such a date before, so no signature is made over it.
 */
export function dayOf(date: string): string {
  const iso = /^\s*(\d{4})-?(\d{2})-?(\d{2})/.exec(date);
  if (iso !== null) return iso.slice(1, 4).join('');
  const [, day = '', monthName = '', year = ''] =
    /\b(\d{1,2})[ -]([A-Za-z]{3})[a-z]*[ -](\d{4})\b/.exec(date) ?? [];
  const month = MONTHS.indexOf(monthName.toLowerCase()) + 1;
  if (month === 0) return '';
  return `${year}${String(month).padStart(2, '0')}${day.padStart(2, '0')}`;
}
