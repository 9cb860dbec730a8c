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

clock.run();
