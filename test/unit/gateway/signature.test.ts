import type { KeyObject } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { seal } from '../../../gateway/auth/secret-box.ts';
import {
  DATE_TOLERANCE_MS,
  isSignedUnder,
  type RequestLine,
  readSignedRequest,
  type SignedRequest,
} from '../../../gateway/auth/signature.ts';
import { signingKey } from '../../../gateway/auth/signing.ts';
import { SigningKeys } from '../../../gateway/auth/signing-keys.ts';
import { RequestFailed } from '../../../gateway/errors.ts';

/** The key that a request claims to be signed with. */
function keyOf(secret: string, { parts, hash }: SignedRequest): KeyObject {
  return signingKey(secret, parts, hash);
}

const secretKey = 'oR2xq9ExampleSecretKeyForOrreryTests0000';
const credential = 'BackendAI signMethod=HMAC-SHA256, credential=AKIAORRERYTEST000001:';
const date = '2024-03-15T01:23:45.678901+00:00';
const nowMs = Date.UTC(2024, 2, 15, 1, 23, 45, 678);

function request(
  line: { readonly method: string; readonly target: string },
  headers: IncomingHttpHeaders,
): RequestLine {
  return { ...line, headers: { date, 'x-backendai-version': 'v8.20240315', ...headers } };
}

/** The vectors V1 to V4 of the reference as whole requests. */
const vectors: readonly (readonly [string, RequestLine, number])[] = [
  [
    'V1, a GET with a query string',
    request(
      { method: 'GET', target: '/session/mysess?owner_access_key=AKIAOTHER000000000001' },
      {
        host: 'api.example.test:8090',
        'content-type': 'text/plain',
        authorization: `${credential}61b3d3a21c369aca6bd543a407d2a0a62b8c79fba0830f8f725a5ed283ffbffb`,
      },
    ),
    nowMs,
  ],
  [
    'V2, a POST of JSON',
    request(
      { method: 'POST', target: '/session' },
      {
        host: 'api.example.test:8090',
        'content-type': 'application/json; charset=utf-8',
        authorization: `${credential}4dd95531f864e69bc319900d0924aa195af9bfe89d301bc35e49db61881bcc5e`,
      },
    ),
    nowMs,
  ],
  [
    'V3, a WebSocket without a content type',
    request(
      { method: 'GET', target: '/stream/session/mysess/pty' },
      {
        host: 'api.example.test',
        date: '2024-12-31T23:59:59+00:00',
        authorization: `${credential}6caec1f400700a0d9a86baf9557ff642494be3c565979cc75a5ec663cbdbb1e4`,
      },
    ),
    Date.UTC(2024, 11, 31, 23, 59, 59),
  ],
  [
    'V4, an upload',
    request(
      { method: 'POST', target: '/session/mysess/upload' },
      {
        host: '127.0.0.1:8081',
        'content-type': 'multipart/form-data; boundary=xyz',
        authorization: `${credential}4b7ce6c464c800c7e8edae3d5320235ae0a2d28b168407892c984a71ed655624`,
      },
    ),
    nowMs,
  ],
];

const verifying = suite('signature: verifying');

for (const [name, line, atMs] of vectors) {
  verifying(`${name} is accepted`, () => {
    const signed = readSignedRequest(line, atMs);
    assert.is(signed.accessKey, 'AKIAORRERYTEST000001');
    assert.ok(isSignedUnder(keyOf(secretKey, signed), signed));
    assert.not.ok(isSignedUnder(keyOf(`${secretKey}x`, signed), signed));
  });
}

const [[, sample] = []] = vectors;
if (sample === undefined) throw new Error('there is no vector');

function codeOf(headers: IncomingHttpHeaders, atMs = nowMs): string {
  try {
    const signed = readSignedRequest(
      { ...sample, headers: { ...sample?.headers, ...headers } } as RequestLine,
      atMs,
    );
    return isSignedUnder(keyOf(secretKey, signed), signed) ? 'accepted' : 'mismatch';
  } catch (error) {
    return error instanceof RequestFailed ? `${error.code} ${error.field}` : String(error);
  }
}

verifying('anything that is signed cannot be changed', () => {
  assert.is(codeOf({}), 'accepted');
  assert.is(codeOf({ host: 'api.example.test' }), 'mismatch');
  assert.is(codeOf({ 'content-type': 'application/json' }), 'mismatch');
  assert.is(codeOf({ 'x-backendai-version': 'v7.20230615' }), 'mismatch');
  assert.is(codeOf({ date: '2024-03-15T01:23:45.678902+00:00' }), 'mismatch');
  const other = { ...sample, target: '/session/other' };
  const signed = readSignedRequest(other, nowMs);
  assert.not.ok(isSignedUnder(keyOf(secretKey, signed), signed));
});

verifying('a date 15 minutes away or more has expired, before anything else is looked at', () => {
  assert.is(codeOf({}, nowMs + DATE_TOLERANCE_MS - 1), 'accepted');
  assert.is(codeOf({}, nowMs + DATE_TOLERANCE_MS), 'SIGNATURE_EXPIRED Date');
  assert.is(codeOf({}, nowMs - DATE_TOLERANCE_MS), 'SIGNATURE_EXPIRED Date');
  assert.is(
    codeOf({ authorization: 'nonsense' }, nowMs + DATE_TOLERANCE_MS),
    'SIGNATURE_EXPIRED Date',
  );
});

verifying('the date may be in the other headers, in other forms and without a zone', () => {
  const code = (headers: IncomingHttpHeaders): string => codeOf({ date: undefined, ...headers });
  assert.is(code({ 'x-backendai-date': date }), 'accepted');
  assert.is(code({ 'x-sorna-date': date }), 'accepted');
  assert.is(code({ 'x-backendai-date': '2024-03-15T01:23:45.678901' }), 'mismatch');
  assert.is(code({ 'x-backendai-date': '20240315T012345Z' }), 'mismatch');
  assert.is(code({ 'x-backendai-date': 'Fri, 15 Mar 2024 01:23:45 GMT' }), 'mismatch');
  assert.is(code({ 'x-backendai-date': '2024-03-15T10:23:45+09:00' }), 'mismatch');
});

verifying('what is malformed is told by the header at fault', () => {
  assert.is(codeOf({ date: 'soon' }), 'AUTHORIZATION_MALFORMED Date');
  assert.is(codeOf({ date: '2024-13-45T99:99:99Z' }), 'AUTHORIZATION_MALFORMED Date');
  assert.is(codeOf({ date: undefined }), 'AUTHORIZATION_MALFORMED Date');
  const wrong = [
    'BackendAI',
    'BackendAI credential=AKIA:00',
    'BackendAI signMethod=SHA256, credential=AKIA:00',
    'BackendAI signMethod=HMAC-ROT13, credential=AKIA:00',
    'BackendAI signMethod=HMAC-SHA256',
    'BackendAI signMethod=HMAC-SHA256, credential=AKIA',
    'BackendAI signMethod=HMAC-SHA256, credential=AKIA:zz',
    'BackendAI signMethod=HMAC-SHA256, credential=AKIA:00:11',
  ];
  for (const authorization of wrong)
    assert.is(codeOf({ authorization }), 'AUTHORIZATION_MALFORMED Authorization', authorization);
  const version = { 'x-backendai-version': undefined };
  assert.is(codeOf(version), 'AUTHORIZATION_MALFORMED X-BackendAI-Version');
  assert.is(codeOf({ 'x-backendai-version': 'v1' }), 'AUTHORIZATION_MALFORMED X-BackendAI-Version');
  assert.is(codeOf({ host: undefined }), 'AUTHORIZATION_MALFORMED Host');
});

verifying('the older scheme word, parameters in another order and case are understood', () => {
  const { authorization = '' } = sample.headers;
  const [, signatureHex] = authorization.split(':');
  const turned = `Sorna credential=AKIAORRERYTEST000001:${signatureHex} ,signMethod=HMAC-sha256`;
  assert.is(codeOf({ authorization: turned }), 'accepted');
});

verifying('a key is derived once a day and host, and anew when the secret was sealed anew', () => {
  const sealing = Buffer.alloc(32, 1);
  const keys = new SigningKeys(sealing);
  const accessKey = 'AKIAORRERYTEST000001';
  const keypair = { accessKey, sealedSecret: seal(secretKey, accessKey, sealing) };
  const signed = readSignedRequest(sample, nowMs);
  const key = keys.of(keypair, signed);
  assert.ok(isSignedUnder(key, signed));
  assert.is(keys.of(keypair, signed), key);
  const otherHost = { ...signed, parts: { ...signed.parts, host: 'other.test' } };
  assert.not.ok(isSignedUnder(keys.of(keypair, otherHost), signed));
  const rotated = { accessKey, sealedSecret: seal('another secret', accessKey, sealing) };
  assert.not.ok(isSignedUnder(keys.of(rotated, signed), signed));
});

verifying.run();
