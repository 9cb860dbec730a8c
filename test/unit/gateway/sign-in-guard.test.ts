import { SimulatedClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SignInGuard } from '../../../gateway/auth/sign-in-guard.ts';
import { RequestFailed } from '../../../gateway/errors.ts';

const LIMITS = { failuresMax: 3, blockMs: 60_000 };
const ada = { email: 'ada@a.test', address: '192.0.2.1' };

function start() {
  const clock = new SimulatedClock(1_700_000_000_000);
  const guard = new SignInGuard(clock, LIMITS);
  const wrong = () => guard.watch(ada, async () => undefined);
  const right = () => guard.watch(ada, async () => 'ada');
  return { clock, guard, wrong, right };
}

async function blockOf(attempt: Promise<unknown>): Promise<number | undefined> {
  try {
    await attempt;
    return undefined;
  } catch (error) {
    assert.instance(error, RequestFailed);
    assert.is((error as RequestFailed).code, 'SIGN_IN_BLOCKED');
    return (error as RequestFailed).retryAfterMs;
  }
}

const guarding = suite('sign-in: guessing passwords');

guarding(
  'ends after so many wrong ones, also for who knows the right one, until time has passed',
  async () => {
    const { clock, wrong, right } = start();
    for (let tries = 0; tries < LIMITS.failuresMax; tries++) assert.is(await wrong(), undefined);
    await clock.advance(10_000);
    assert.is(await blockOf(right()), LIMITS.blockMs - 10_000);
    await clock.advance(LIMITS.blockMs - 10_000);
    assert.is(await right(), 'ada');
  },
);

guarding('is forgiven by a right one', async () => {
  const { wrong, right } = start();
  for (let round = 0; round < 5; round++) {
    await wrong();
    await wrong();
    assert.is(await right(), 'ada');
  }
});

guarding('does not become easier by trying many at once', async () => {
  const { guard } = start();
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, () => guard.watch(ada, async () => undefined)),
  );
  assert.is(results.filter(({ status }) => status === 'fulfilled').length, LIMITS.failuresMax);
});

guarding('of many names from one address ends too, and other addresses go on', async () => {
  const { guard } = start();
  for (let index = 0; index < LIMITS.failuresMax * 10; index++)
    await guard.watch({ ...ada, email: `user-${index}@a.test` }, async () => undefined);
  const next = { ...ada, email: 'bob@a.test' };
  assert.ok(await blockOf(guard.watch(next, async () => 'bob')));
  assert.is(await guard.watch({ ...next, address: '192.0.2.2' }, async () => 'bob'), 'bob');
});

guarding('does not count what could not be checked, and knows a name in any case', async () => {
  const { guard, right } = start();
  for (let tries = 0; tries < 10; tries++)
    await guard.watch(ada, () => Promise.reject(new Error('away'))).catch(() => undefined);
  assert.is(await right(), 'ada');
  for (const email of ['ADA@a.test', ' Ada@A.test', 'ada@A.TEST'])
    await guard.watch({ ...ada, email }, async () => undefined);
  assert.ok(await blockOf(right()));
});

guarding.run();
