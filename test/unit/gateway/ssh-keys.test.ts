import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadHostKey } from '../../../gateway/ssh/host-key.ts';
import { parsePublicKey } from '../../../gateway/ssh/public-key.ts';
import { makeScratch } from '../../environment/scratch.ts';

/** Made, and shown with their fingerprints, by ssh-keygen of OpenSSH. */
const ED25519 =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKvLaZh8L4qFiKP24dUtCU4pO3tqOjVHZwzSsSl2lQOR me@here';

const field = (bytes: Uint8Array | string): Buffer => {
  const content = Buffer.from(bytes as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([length, content]);
};
const line = (algorithm: string, ...fields: readonly Uint8Array[]): string =>
  `${algorithm} ${Buffer.concat([field(algorithm), ...fields.map(field)]).toString('base64')}`;

function rsa(bits: number): string {
  const { n = '', e = '' } = generateKeyPairSync('rsa', {
    modulusLength: bits,
  }).publicKey.export({ format: 'jwk' });
  const modulus = Buffer.concat([Buffer.of(0), Buffer.from(n, 'base64url')]);
  return line('ssh-rsa', Buffer.from(e, 'base64url'), modulus);
}

function ecdsa(curve: 'P-256' | 'P-384' | 'P-521'): string {
  const { x = '', y = '' } = generateKeyPairSync('ec', {
    namedCurve: curve,
  }).publicKey.export({ format: 'jwk' });
  const point = [Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')];
  const name = `nistp${curve.slice(2)}`;
  return line(`ecdsa-sha2-${name}`, Buffer.from(name), Buffer.concat(point));
}

const refusal = (text: string): string => {
  const parsed = parsePublicKey(text);
  return parsed.ok ? 'taken' : `${parsed.error.field}: ${parsed.error.message}`;
};

const keys = suite('ssh: public keys');

keys('a key is known by the fingerprint that OpenSSH shows', () => {
  const parsed = parsePublicKey(`  ${ED25519}\n`);
  assert.equal(parsed.ok && parsed.value, {
    algorithm: 'ssh-ed25519',
    publicKey: ED25519.split(' ')[1],
    fingerprint: 'SHA256:OJrLdVnjVsMVCXpo/2iGZaHcgN/XwcyM0TIK5OqN10g',
    comment: 'me@here',
  });
});

keys('ed25519, the three curves, and RSA from 2,048 bits on are taken', () => {
  const taken = [ecdsa('P-256'), ecdsa('P-384'), ecdsa('P-521'), rsa(2048), rsa(3072)];
  for (const text of [ED25519, ...taken]) assert.is(refusal(text), 'taken');
});

keys('what is weak, private, broken or no key at all is refused with the rule', () => {
  const [, blob = ''] = ED25519.split(' ');
  const refusals: readonly (readonly [string, RegExp])[] = [
    ['', /as in a file \.pub/],
    ['hello world', /as in a file \.pub/],
    ['-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blb\n', /private key/],
    [`${ED25519}\n${ED25519}`, /one line/],
    [rsa(1024), /1024 bits; at least 2048/],
    [`ssh-rsa ${blob}`, /not what its first word says/],
    [`ssh-ed25519 ${blob.slice(0, -4)}`, /broken/],
    [line('ssh-ed25519', Buffer.alloc(31)), /broken/],
    [line('ssh-ed25519', Buffer.alloc(32), Buffer.of(1)), /broken/],
    [line('ecdsa-sha2-nistp256', Buffer.from('nistp384'), Buffer.alloc(65, 4)), /broken/],
    [line('ssh-dss', Buffer.alloc(20)), /"ssh-dss" are not taken/],
    [line('sk-ssh-ed25519@openssh.com', Buffer.alloc(32)), /are not taken/],
    [`ssh-ed25519 ${'A'.repeat(20_000)}`, /one line/],
  ];
  for (const [text, rule] of refusals) {
    assert.match(refusal(text), rule, text.slice(0, 60));
    assert.match(refusal(text), /^publicKey: /);
  }
});

const host = suite('ssh: the key of the host');

host('is made once, for its owner alone, and stays what it is', () => {
  const scratch = makeScratch('host key');
  const path = join(scratch.path, 'below', 'host-key');
  const made = loadHostKey(path);
  assert.match(made.publicKey, /^ssh-ed25519 AAAA/);
  assert.is(statSync(path).mode & 0o777, 0o600);
  assert.equal(loadHostKey(path), made);
  assert.is(readFileSync(path, 'utf8'), made.privateKey);
  writeFileSync(path, 'no key');
  assert.throws(() => loadHostKey(path), /gateway\.ssh\.hostKeyFile: .* holds no private key/);
  assert.is(readFileSync(path, 'utf8'), 'no key', 'nothing is written over');
  scratch.remove();
});

keys.run();
host.run();
