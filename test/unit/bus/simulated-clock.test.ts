import { SimulatedClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const clock = suite('simulated clock: virtual time');

clock('wakes sleepers in the order of their times, each with what follows from it', async () => {
  const time = new SimulatedClock(1_000);
  const woken: string[] = [];
  const sleeper = async (name: string, ...delaysMs: readonly number[]): Promise<void> => {
    for (const delayMs of delaysMs) {
      await time.sleep(delayMs);
      woken.push(`${name} ${time.nowMs()}`);
    }
  };
  const all = [sleeper('a', 30, 10), sleeper('b', 20, 5, 100), sleeper('c', 20)];
  await time.advance(50);
  assert.equal(woken, ['b 1020', 'c 1020', 'b 1025', 'a 1030', 'a 1040']);
  assert.is(time.nowMs(), 1_050);
  assert.is(time.nextWakeMs, 1_125);
  await time.advance(75);
  await Promise.all(all);
  assert.is(time.nextWakeMs, undefined);
});

clock('stands still until it is advanced', async () => {
  const time = new SimulatedClock();
  let isAwake = false;
  void time.sleep(1).then(() => {
    isAwake = true;
  });
  await time.settle();
  assert.is(isAwake, false);
  await time.advance(1);
  assert.is(isAwake, true);
});

clock('rejects a sleep whose signal fires, and forgets it', async () => {
  const time = new SimulatedClock();
  const stop = new AbortController();
  const reason = new Error('enough');
  const sleeping = time.sleep(10, stop.signal).catch((error: unknown) => error);
  stop.abort(reason);
  assert.is(await sleeping, reason);
  assert.is(time.nextWakeMs, undefined);
  assert.is(await time.sleep(10, stop.signal).catch((error: unknown) => error), reason);
});

clock(
  'lets all that follows from a waking happen first, without turns of the event loop too',
  async () => {
    const time = new SimulatedClock(0, { settling: 'reactions' });
    const seen: string[] = [];
    const chain = async (name: string, delayMs: number): Promise<void> => {
      await time.sleep(delayMs);
      for (let hop = 0; hop < 20; hop++) await undefined;
      seen.push(`${name} ${time.nowMs()}`);
    };
    const all = Promise.all([chain('a', 1), chain('b', 2)]);
    await time.advance(2);
    assert.equal(seen, ['a 1', 'b 2']);
    await all;
  },
);

clock('ends an advance by what is thrown before a waking', async () => {
  let wakes = 0;
  const onWake = (): void => {
    wakes += 1;
    if (wakes > 3) throw new Error('too many');
  };
  const time = new SimulatedClock(0, { onWake });
  const endless = async (): Promise<void> => {
    while (wakes <= 3) await time.sleep(0);
  };
  void endless();
  let thrown: unknown;
  await time.advance(1).catch((error: unknown) => {
    thrown = error;
  });
  assert.instance(thrown, Error);
});

clock.run();
