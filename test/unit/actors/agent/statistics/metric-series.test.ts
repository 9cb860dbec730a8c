import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MetricSeries } from '../../../../../actors/agent/statistics/metric-series.ts';

const test = suite('metric series: what is told of what is measured');

test('a gauge tells the latest value, its share and the highest of its life', () => {
  const series = new MetricSeries({
    unit: 'bytes',
    current: 'latest',
    keeps: ['min', 'max', 'avg'],
  });
  for (const [index, value] of [300, 700, 500].entries())
    series.add({ value, capacity: 2_000, atMs: index * 1_000 });
  assert.equal(series.metric(), {
    current: '500',
    capacity: '2000',
    pct: '25.00',
    unit_hint: 'bytes',
    'stats.min': '300',
    'stats.max': '700',
    'stats.avg': '500',
  });
});

test('two cores used fully are 200 per cent, and the first measurement tells nothing yet', () => {
  const series = new MetricSeries({ unit: 'percent', current: 'rate', keeps: ['avg', 'max'] });
  series.add({ value: 50_000, capacity: 1_000, atMs: 0 });
  assert.equal(series.metric().current, '0');
  series.add({ value: 60_000, capacity: 1_000, atMs: 5_000 });
  series.add({ value: 65_000, capacity: 1_000, atMs: 10_000 });
  const metric = series.metric();
  assert.equal([metric.current, metric.pct], ['1000', '100.00']);
  assert.equal([metric['stats.avg'], metric['stats.max']], ['1500', '2000']);
});

test('a counter that was set back counts as having stood still', () => {
  const series = new MetricSeries({ unit: 'bps', current: 'rate', keeps: ['diff'] });
  series.add({ value: 1_000, atMs: 0 });
  series.add({ value: 10, atMs: 1_000 });
  assert.equal([series.metric().current, series.metric()['stats.diff']], ['0', '0']);
  series.add({ value: 20, atMs: 2_000 });
  assert.is(series.metric().current, '10');
});

test('numbers have three decimals at most, no trailing zeros and no exponent', () => {
  const told = (value: number): string => {
    const series = new MetricSeries({ unit: 'count', current: 'latest', keeps: [] });
    series.add({ value, atMs: 0 });
    return series.metric().current;
  };
  assert.equal([0, 1.5, 1 / 3, 100, 2 ** 60, 0.0001].map(told), [
    '0',
    '1.5',
    '0.333',
    '100',
    '1152921504606846976',
    '0',
  ]);
});

test('what has no capacity is held against what was measured first', () => {
  const series = new MetricSeries({ unit: 'bytes', current: 'latest', keeps: [] });
  series.add({ value: 200, atMs: 0 });
  series.add({ value: 300, atMs: 1 });
  assert.equal([series.metric().capacity, series.metric().pct], ['200', '150.00']);
});

test('a capacity of nothing gives a share of nothing', () => {
  const series = new MetricSeries({ unit: 'bytes', current: 'latest', keeps: [] });
  series.add({ value: 0, capacity: 0, atMs: 0 });
  assert.is(series.metric().pct, '0.00');
});

test('a moment that is not later than the last is passed over', () => {
  const series = new MetricSeries({ unit: 'bps', current: 'rate', keeps: [] });
  series.add({ value: 1_000, atMs: 1_000 });
  series.add({ value: 9_000, atMs: 1_000 });
  series.add({ value: 3_000, atMs: 2_000 });
  assert.is(series.metric().current, '2000');
});

test.run();
