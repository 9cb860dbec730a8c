import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { batchPeriodMs } from '../../../projections/projector.ts';

const period = suite('projector: how long commits gather');

period('who comes alone waits for nobody', () => {
  assert.is(batchPeriodMs(1, 0), 0);
  assert.is(batchPeriodMs(7, 1), 0);
});

period('a few hundred commits a second gather for ten milliseconds', () => {
  assert.is(batchPeriodMs(8, 80), 10);
});

period('the more commits a second, the longer they gather, up to fifty milliseconds', () => {
  assert.is(batchPeriodMs(10, 10), 40);
  assert.is(batchPeriodMs(500, 10), 50);
  assert.is(batchPeriodMs(500, 0), 50);
});

period.run();
