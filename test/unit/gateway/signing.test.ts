import { createHash } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  authorization,
  dayOf,
  type SignedParts,
  signature,
  stringToSign,
} from '../../../gateway/auth/signing.ts';

const accessKey = 'AKIAORRERYTEST000001';
const secretKey = 'oR2xq9ExampleSecretKeyForOrreryTests0000';
const version = 'v8.20240315';
const date = '2024-03-15T01:23:45.678901+00:00';

interface Vector {
  readonly name: string;
  readonly parts: SignedParts;
  readonly stringHash: string;
  readonly signature: string;
}

/** The vectors of the reference, each computed by two independent implementations. */
const vectors: readonly Vector[] = [
  {
    name: 'a GET with a query string and a host with a port',
    parts: {
      method: 'GET',
      target: '/session/mysess?owner_access_key=AKIAOTHER000000000001',
      date,
      host: 'api.example.test:8090',
      contentType: 'text/plain',
      version,
    },
    stringHash: '7e79e422770ca70500acf2d208cc347d8894546ce444a68be55e3d1ddb996c49',
    signature: '61b3d3a21c369aca6bd543a407d2a0a62b8c79fba0830f8f725a5ed283ffbffb',
  },
  {
    name: 'a POST of JSON',
    parts: {
      method: 'POST',
      target: '/session',
      date,
      host: 'api.example.test:8090',
      contentType: 'application/json; charset=utf-8',
      version,
    },
    stringHash: '5703d9e79b81d32c6bce5918ca22f6667f2896c9815dd6ee69b711b658a8a4e4',
    signature: '4dd95531f864e69bc319900d0924aa195af9bfe89d301bc35e49db61881bcc5e',
  },
  {
    name: 'a WebSocket upgrade without a content type',
    parts: {
      method: 'GET',
      target: '/stream/session/mysess/pty',
      date: '2024-12-31T23:59:59+00:00',
      host: 'api.example.test',
      version,
    },
    stringHash: '66d263c5ef49833cf30e724bbf272c067fec2a2d0e2b6372d8ad464251d02895',
    signature: '6caec1f400700a0d9a86baf9557ff642494be3c565979cc75a5ec663cbdbb1e4',
  },
  {
    name: 'an upload whose boundary is not signed',
    parts: {
      method: 'POST',
      target: '/session/mysess/upload',
      date,
      host: '127.0.0.1:8081',
      contentType: 'multipart/form-data; boundary=xyz',
      version,
    },
    stringHash: 'b926fcdddfbb6d2e39ce699e0e658378418e39cb171ddcb1319a13f3303184d5',
    signature: '4b7ce6c464c800c7e8edae3d5320235ae0a2d28b168407892c984a71ed655624',
  },
];

const signing = suite('signing: vectors');

for (const vector of vectors) {
  signing(`${vector.name} is signed as the reference says`, () => {
    const text = stringToSign(vector.parts);
    assert.is(createHash('sha256').update(text).digest('hex'), vector.stringHash);
    assert.is(signature(secretKey, vector.parts), vector.signature);
  });
}

signing('the authorization header names the method, the key and the signature', () => {
  assert.is(
    authorization(accessKey, 'abc'),
    'BackendAI signMethod=HMAC-SHA256, credential=AKIAORRERYTEST000001:abc',
  );
});

signing('another hash signs its own empty body', () => {
  const [first] = vectors;
  if (first === undefined) throw new Error('there is no vector');
  const empty = createHash('sha512').update('').digest('hex');
  assert.ok(stringToSign(first.parts, 'sha512').endsWith(empty));
  assert.is(signature(secretKey, first.parts, 'sha512').length, 128);
});

signing.run();

const days = suite('signing: the day of a date');

days('is taken in the zone that the date is written in', () => {
  assert.is(dayOf('2024-03-15T23:30:00-09:00'), '20240315');
  assert.is(dayOf('20240315T013000Z'), '20240315');
  assert.is(dayOf('Fri, 15 Mar 2024 23:30:00 GMT'), '20240315');
  assert.is(dayOf('Fri, 1 Mar 2024 23:30:00 +0900'), '20240301');
});

days('of a text that is no date is empty', () => {
  assert.is(dayOf('yesterday'), '');
  assert.is(dayOf('12 Foo 2024'), '');
});

days.run();
