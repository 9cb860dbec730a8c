import { type KeyObject, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { RequestFailed } from '../errors.ts';
import { dayOf, type SignedParts, signatureUnder } from './signing.ts';

/** A signed request's date may differ from our clock by less than this. */
export const DATE_TOLERANCE_MS = 15 * 60 * 1000;

/** Protocol versions of both documented releases (reference: protocol version negotiation). */
const PROTOCOL_VERSIONS = new Set([
  'v4.20181215',
  'v4.20190115',
  'v4.20190315',
  'v4.20190615',
  'v5.20191215',
  'v6.20200815',
  'v6.20210815',
  'v6.20220315',
  'v6.20220615',
  'v6.20221201',
  'v6.20230315',
  'v7.20230615',
  'v8.20240315',
  'v8.20240915',
  'v9.20250722',
]);

/** Hash names that a signMethod may carry, as Node knows them. */
const HASHES: Readonly<Record<string, string>> = {
  md5: 'md5',
  sha1: 'sha1',
  sha224: 'sha224',
  sha256: 'sha256',
  sha384: 'sha384',
  sha512: 'sha512',
  sha3_224: 'sha3-224',
  sha3_256: 'sha3-256',
  sha3_384: 'sha3-384',
  sha3_512: 'sha3-512',
  blake2b: 'blake2b512',
  blake2s: 'blake2s256',
};

export interface RequestLine {
  readonly method: string;
  /** Path and query exactly as on the request line. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
}

/** A request that says it is signed; whether it is, `isSignedUnder` tells. */
export interface SignedRequest {
  readonly accessKey: string;
  readonly signature: string;
  /** The date it is signed with. Milliseconds since the epoch. */
  readonly atMs: number;
  readonly hash: string;
  readonly parts: SignedParts;
}

/** Whether an Authorization header is of this scheme. */
export function isSignatureHeader(authorization: string): boolean {
  return /^(BackendAI|Sorna)\s/i.test(authorization);
}

/**
 * Reads what a signed request claims.
 * @throws {RequestFailed} `SIGNATURE_EXPIRED` for a date out of range, which is checked first, or
 * `AUTHORIZATION_MALFORMED` naming the header at fault.
 */
export function readSignedRequest(
  { method, target, headers }: RequestLine,
  nowMs: number,
): SignedRequest {
  const date = text(headers['date'] ?? headers['x-backendai-date'] ?? headers['x-sorna-date']);
  const atMs = checkDate(date, nowMs);
  const claim = parseAuthorization(text(headers['authorization']));
  const isLegacy =
    headers['x-backendai-version'] === undefined && headers['x-sorna-version'] !== undefined;
  const versionHeader = isLegacy ? 'x-sorna-version' : 'x-backendai-version';
  const version = text(headers[versionHeader]);
  if (!PROTOCOL_VERSIONS.has(version)) {
    throw malformed(
      'X-BackendAI-Version',
      version === '' ? 'is missing' : 'is no version of the protocol',
    );
  }
  const host = text(headers['host']);
  if (host === '') throw malformed('Host', 'is missing');
  const contentType = headers['content-type'];
  return {
    ...claim,
    atMs,
    parts: { method, target, date, host, contentType, version, versionHeader },
  };
}

/** In constant time, once the lengths agree. */
export function isSignedUnder(
  key: KeyObject,
  { parts, hash, signature: claimed }: SignedRequest,
): boolean {
  const expected = Buffer.from(signatureUnder(key, parts, hash), 'hex');
  const given = Buffer.from(claimed, 'hex');
  return expected.length === given.length && timingSafeEqual(expected, given);
}

const AUTHORIZATION = /^(?:BackendAI|Sorna)\s+(.+)$/i;

function parseAuthorization(header: string): Omit<SignedRequest, 'parts' | 'atMs'> {
  const [, list] = AUTHORIZATION.exec(header) ?? [];
  if (list === undefined) throw malformed('Authorization', 'is not of the scheme BackendAI');
  const parameters = new Map(
    list.split(',').map((parameter) => {
      const at = parameter.indexOf('=');
      const name = at < 0 ? parameter : parameter.slice(0, at);
      return [name.trim(), at < 0 ? '' : parameter.slice(at + 1).trim()] as const;
    }),
  );
  const [, hashName = ''] = /^HMAC-(.+)$/i.exec(parameters.get('signMethod') ?? '') ?? [];
  const hash = HASHES[hashName.toLowerCase()];
  if (hash === undefined)
    throw malformed('Authorization', 'has no signMethod of the form HMAC-SHA256');
  const [accessKey = '', signatureHex = '', ...rest] = (parameters.get('credential') ?? '').split(
    ':',
  );
  if (accessKey === '' || rest.length > 0 || !/^([0-9a-f]{2})+$/i.test(signatureHex)) {
    throw malformed(
      'Authorization',
      'has no credential of the form ACCESSKEY:hexadecimal-signature',
    );
  }
  return { accessKey, signature: signatureHex, hash };
}

function checkDate(date: string, nowMs: number): number {
  const atMs = parseDate(date);
  if (atMs === undefined) {
    throw malformed('Date', date === '' ? 'is missing' : 'is neither an ISO 8601 nor an HTTP date');
  }
  if (Math.abs(atMs - nowMs) < DATE_TOLERANCE_MS) return atMs;
  const minutes = DATE_TOLERANCE_MS / 60_000;
  throw new RequestFailed(
    'SIGNATURE_EXPIRED',
    `The date of the signed request is ${minutes} minutes or more away from the server's clock (Date/time sync error).`,
    { field: 'Date' },
  );
}

const ISO_DATE =
  /^(\d{4})-?(\d{2})-?(\d{2})[T ](\d{2}):?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d{2}:?\d{2})?$/i;

/** Milliseconds since the epoch; a date without a zone is in UTC. */
function parseDate(date: string): number | undefined {
  const trimmed = date.trim();
  const iso = ISO_DATE.exec(trimmed);
  if (iso !== null) {
    const [, year, month, day, hour, minute, second = '00', fraction = '', zone = 'Z'] = iso;
    const milliseconds = fraction.padEnd(3, '0').slice(0, 3);
    const offset = /^z$/i.test(zone) ? 'Z' : `${zone.slice(0, 3)}:${zone.slice(-2)}`;
    const atMs = Date.parse(
      `${year}-${month}-${day}T${hour}:${minute}:${second}.${milliseconds}${offset}`,
    );
    return Number.isNaN(atMs) ? undefined : atMs;
  }
  if (dayOf(trimmed) === '') return undefined;
  const atMs = Date.parse(/(GMT|UTC|Z|[+-]\d{4})$/i.test(trimmed) ? trimmed : `${trimmed} GMT`);
  return Number.isNaN(atMs) ? undefined : atMs;
}

function malformed(header: string, what: string): RequestFailed {
  return new RequestFailed('AUTHORIZATION_MALFORMED', `The header ${header} ${what}.`, {
    field: header,
  });
}

function text(header: string | readonly string[] | undefined): string {
  return typeof header === 'string' ? header : '';
}
