import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LastReading } from '../../../../../actors/agent/statistics/last-reading.ts';

const test = suite('statistics: what was read before');

test('stands for a program that used no time, five times in a row', () => {
  const last = new LastReading<{ readonly cpuMs: number; readonly memoryBytes: number }>();
  assert.is(last.repeat(undefined), undefined, 'nothing was read yet');
  for (const memoryBytes of [1, 2]) {
    last.keep({ cpuMs: 10, memoryBytes });
    for (let round = 0; round < 5; round++) assert.is(last.repeat(10)?.memoryBytes, memoryBytes);
    assert.is(last.repeat(10), undefined);
  }
});

test('does not stand for one that did anything, or that is gone', () => {
  const last = new LastReading<{ readonly cpuMs: number }>();
  last.keep({ cpuMs: 10 });
  assert.is(last.repeat(10.001), undefined);
  assert.is(last.repeat(undefined), undefined);
});

test.run();
