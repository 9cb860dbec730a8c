import { KeyObject } from 'node:crypto';
import { SettingsInvalid } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deriveKeys, sessionIdOf } from '../../../gateway/auth/master-key.ts';
import { hashPassword, verifyPassword } from '../../../gateway/auth/password.ts';
import { open, SecretUnreadable, seal } from '../../../gateway/auth/secret-box.ts';

const keys = deriveKeys(Buffer.alloc(32, 1).toString('base64'));
const otherKeys = deriveKeys(Buffer.alloc(32, 2).toString('base64'));

const boxes = suite('secret box: sealed secrets');

boxes('open with the same key and label only', () => {
  const sealed = seal('a secret', 'AKIA1', keys.secretSealing);
  assert.not.match(sealed, /a secret/);
  assert.is(open(sealed, 'AKIA1', keys.secretSealing), 'a secret');
  assert.throws(
    () => open(sealed, 'AKIA2', keys.secretSealing),
    (error: unknown) => error instanceof SecretUnreadable,
  );
  assert.throws(
    () => open(sealed, 'AKIA1', otherKeys.secretSealing),
    (error: unknown) => error instanceof SecretUnreadable,
  );
  assert.throws(
    () => open('v2.a.b.c', 'AKIA1', keys.secretSealing),
    (error: unknown) => error instanceof SecretUnreadable,
  );
});

boxes('are different each time', () => {
  assert.is.not(seal('a', 'b', keys.secretSealing), seal('a', 'b', keys.secretSealing));
});

boxes.run();

const passwords = suite('password: hashes');

passwords('are argon2id PHC strings that verify their own password only', async () => {
  const phc = await hashPassword('päss wörd');
  assert.match(phc, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  assert.ok(await verifyPassword('päss wörd', phc));
  assert.not.ok(await verifyPassword('pass word', phc));
});

passwords('of an unknown form verify nothing', async () => {
  assert.not.ok(await verifyPassword('x', '$1$abc'));
  assert.not.ok(await verifyPassword('', ''));
});

passwords.run();

const derived = suite('master key: derived keys');

function bytesOf(key: Uint8Array | KeyObject): Uint8Array {
  return key instanceof KeyObject ? key.export() : key;
}

derived('differ by purpose and by master key', () => {
  const all = [keys, otherKeys].flatMap((each) =>
    Object.values(each).map((key) => Buffer.from(bytesOf(key)).toString('hex')),
  );
  assert.is(new Set(all).size, all.length);
});

derived('give one session id for one idempotency key', () => {
  assert.is(sessionIdOf('key', keys), sessionIdOf('key', keys));
  assert.is.not(sessionIdOf('key', keys), sessionIdOf('key2', keys));
  assert.is.not(sessionIdOf('key', keys), sessionIdOf('key', otherKeys));
  assert.match(
    sessionIdOf('key', keys),
    /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-/,
  );
});

derived('need a master key of 32 bytes', () => {
  assert.throws(
    () => deriveKeys('c2hvcnQ='),
    (error: unknown) => error instanceof SettingsInvalid,
  );
});

derived.run();
