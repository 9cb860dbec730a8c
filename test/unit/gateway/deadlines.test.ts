import { SimulatedClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Deadlines, SHARING_MAX } from '../../../gateway/commands/deadlines.ts';

const deadlines = suite('deadlines: shared signals');

function parts() {
  const clock = new SimulatedClock();
  const closing = new AbortController();
  const reason = (): Error => new Error('too late');
  const shared = new Deadlines({
    clock,
    closing: closing.signal,
    afterMs: 5_000,
    periodMs: 1_000,
    reason,
  });
  return { clock, closing, shared };
}

deadlines('what begins within one period has one signal, what begins later another', async () => {
  const { clock, closing, shared } = parts();
  const first = shared.begin();
  assert.is(shared.begin(), first);
  await clock.advance(1_000);
  assert.is.not(shared.begin(), first);
  closing.abort();
});

deadlines('few share a signal, and all of a period fire together', async () => {
  const { clock, closing, shared } = parts();
  const signals = Array.from({ length: 2 * SHARING_MAX + 1 }, () => shared.begin());
  assert.is(new Set(signals).size, 3);
  await clock.advance(6_000);
  assert.ok(signals.every(({ aborted }) => aborted));
  closing.abort();
});

deadlines('fire after the time at the earliest and a period later at the latest', async () => {
  const { clock, closing, shared } = parts();
  const signal = shared.begin();
  await clock.advance(5_000);
  assert.not.ok(signal.aborted);
  await clock.advance(1_000);
  assert.match(String(signal.reason), /too late/);
  closing.abort();
});

deadlines('fire when the process closes, and are fired at once afterwards', async () => {
  const { clock, closing, shared } = parts();
  const signal = shared.begin();
  closing.abort(new Error('closing'));
  await clock.advance(1);
  assert.match(String(signal.reason), /closing/);
  assert.ok(shared.begin().aborted);
});

deadlines.run();
