import type { Metric, StatisticsMessage } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Gathered } from '../../../../projections/statistics/gathered.ts';
import {
  isExpired,
  partitionAt,
  RESOLUTIONS,
  resolutionFor,
} from '../../../../projections/statistics/series-tables.ts';

const HOUR_MS = 3_600_000;
const NOW_MS = 1_800_000_123_456;

const metric = (current: string, capacity: string | null = null): Metric => ({
  ...{ current, capacity, pct: '0.00', unit_hint: 'bytes' },
});
const kernels = (told: Readonly<Record<string, Metric>>): StatisticsMessage => ({
  ...{ of: 'kernels', node: 'a', atMs: 1, kernels: { k: { ...told } } },
});

const series = suite('projections: measurements as time series');

series('what is measured between two writings becomes one row with its mean and its peak', () => {
  const gathered = new Gathered();
  for (const value of ['10', '40', '10'])
    gathered.take(kernels({ mem: metric(value, '100'), cpu_util: metric('1') }));
  const samples = gathered.drain();
  assert.equal(samples, [
    { subject: 'kernel:k', key: 'mem', mean: 20, peak: 40, capacity: 100, measurements: 3 },
    { subject: 'kernel:k', key: 'cpu_util', mean: 1, peak: 1, capacity: null, measurements: 3 },
  ]);
  assert.equal(gathered.drain(), []);
});

series(
  'a node and a kernel of one name are not the same, and what is no number is left out',
  () => {
    const gathered = new Gathered();
    gathered.take(kernels({ mem: metric('1'), odd: metric('much') }));
    gathered.take({ of: 'node', node: 'k', atMs: 1, metrics: { mem: metric('2') }, devices: {} });
    assert.equal(
      gathered.drain().map(({ subject, mean }) => [subject, mean]),
      [
        ['kernel:k', 1],
        ['node:k', 2],
      ],
    );
  },
);

series('a partition is named after its beginning and goes when all in it is too old', () => {
  const { fine } = RESOLUTIONS;
  const { name, fromMs, toMs } = partitionAt(fine, NOW_MS);
  assert.ok(fromMs <= NOW_MS && NOW_MS < toMs);
  assert.is(name, `fine_${fromMs / 1000}`);
  assert.is(isExpired(fine, name, toMs + fine.keptMs), false);
  assert.is(isExpired(fine, name, toMs + fine.keptMs + 1), true);
  assert.is(isExpired(fine, 'something_else', NOW_MS * 2), false);
});

series('the past is read from the finest table that still holds its beginning', () => {
  const tableFor = (agoMs: number): string => resolutionFor(NOW_MS - agoMs, NOW_MS).table;
  assert.is(tableFor(HOUR_MS), 'fine');
  assert.is(tableFor(7 * HOUR_MS), 'minutes');
  assert.is(tableFor(15 * 24 * HOUR_MS), 'hours');
  assert.is(tableFor(900 * 24 * HOUR_MS), 'hours');
});

series.run();
