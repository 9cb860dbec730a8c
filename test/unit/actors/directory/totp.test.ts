import type { UserCommand, UserEvent } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { userAggregate } from '../../../../actors/user/aggregate.ts';
import { DEFAULT_DETAILS } from '../../../../actors/user/machine.ts';
import { decided } from './directory-under-test.ts';

const ID = '0190b0c8-0000-7000-8000-000000000002';
const registered: UserEvent = {
  type: 'user-registered',
  user: ID,
  profile: {
    email: 'ada@example.test',
    username: 'ada',
    role: 'user',
    domain: 'default',
    projectId: 'optics',
  },
  passwordHash: 'hash',
  details: DEFAULT_DETAILS,
};
const grant = { sealedSecret: 'sealed', recoveryHashes: ['one', 'two'] };
const enrolled: UserEvent = { type: 'user-totp-enrolled', ...grant };
const active: readonly UserEvent[] = [
  registered,
  enrolled,
  { type: 'user-totp-activated', step: 100 },
];
const after = (events: readonly UserEvent[], command: UserCommand) =>
  decided(userAggregate, events, command, ID);
const use = (step: number): UserCommand => ({ type: 'use-totp', step });
const recover = (hash: string): UserCommand => ({ type: 'use-recovery-code', hash });

const totp = suite('user: a second factor');

totp('is of no effect before it is confirmed, and is replaced until then', () => {
  assert.equal(after([registered], use(1)), ['totp-not-enrolled', undefined]);
  assert.equal(after([registered, enrolled], use(1)), ['totp-not-enrolled', undefined]);
  assert.equal(after([registered, enrolled], { type: 'enrol-totp', ...grant }), [enrolled]);
  assert.equal(after([registered], { type: 'confirm-totp', step: 1 }), [
    'totp-not-enrolled',
    undefined,
  ]);
  assert.equal(after([registered, enrolled], { type: 'confirm-totp', step: 7 }), [
    { type: 'user-totp-activated', step: 7 },
  ]);
});

totp('cannot be replaced once it is active', () => {
  assert.equal(after(active, { type: 'enrol-totp', ...grant }), ['totp-active', undefined]);
  assert.equal(after(active, { type: 'confirm-totp', step: 200 }), ['totp-active', undefined]);
});

totp('takes each code once, and none that is older than one it took', () => {
  for (const step of [99, 100]) assert.equal(after(active, use(step)), ['totp-used', 'otp']);
  assert.equal(after(active, use(101)), [{ type: 'user-totp-used', step: 101 }]);
  const used: UserEvent = { type: 'user-totp-used', step: 101 };
  assert.equal(after([...active, used], use(101)), ['totp-used', 'otp']);
});

totp('takes each recovery code once', () => {
  assert.equal(after(active, recover('three')), ['totp-wrong', 'otp']);
  const used: UserEvent = { type: 'user-recovery-code-used', hash: 'one' };
  assert.equal(after(active, recover('one')), [used]);
  assert.equal(after([...active, used], recover('one')), ['totp-wrong', 'otp']);
  assert.equal(after([...active, used], recover('two')), [{ ...used, hash: 'two' }]);
});

totp('once removed leaves nothing, and removing what is not there is no matter', () => {
  const removed: UserEvent = { type: 'user-totp-removed' };
  assert.equal(after(active, { type: 'remove-totp' }), [removed]);
  assert.equal(after([...active, removed], { type: 'remove-totp' }), []);
  assert.equal(after([...active, removed], recover('one')), ['totp-not-enrolled', undefined]);
});

totp.run();
