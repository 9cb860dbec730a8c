import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { jain, runWorkload } from '../../../../../actors/scheduler/planning/compare.ts';
import type { DEFAULT_GROUP_POLICY } from '../../../../../actors/scheduler/planning/model.ts';
import { parseSwf, toLoad } from '../../../../../actors/scheduler/planning/swf.ts';
import { mixedDay } from './mixed-load.ts';
import { writeSwf } from './swf-sample.ts';

const compare = suite('scheduler: what if');
const SAMPLE = fileURLToPath(new URL('../../../../golden/workloads/sample.swf', import.meta.url));

compare('a recorded day under its own policy gives the very same placements', () => {
  for (const policy of [
    { ordering: 'fifo' as const },
    { ordering: 'drf' as const, strategy: 'concentrated' as const },
    { reservation: 'first-blocked' as const, strategy: 'round-robin' as const },
  ]) {
    const day = mixedDay(3, policy);
    const { placements, outcome } = runWorkload(day);
    // What a record holds: text, without anything that only this process knows.
    const { from, arrivals, durationMs } = JSON.parse(
      JSON.stringify({ ...day, durationMs: [...day.durationMs] }),
    );
    const again = runWorkload({
      from: { ...from, limits: day.from.limits, usage: new Map() },
      arrivals,
      durationMs: new Map(durationMs),
    });
    assert.equal(again.placements, placements);
    assert.equal(again.outcome, outcome);
    assert.is(placements.length, 400);
  }
});

compare('other policies give a table to compare', () => {
  const under = (policy: Partial<typeof DEFAULT_GROUP_POLICY>) =>
    runWorkload(mixedDay(3, policy, 600)).outcome;
  const fifo = under({ ordering: 'fifo' });
  const drf = under({ ordering: 'drf' });
  const fair = under({ ordering: 'fair-share', reservation: 'first-blocked' });
  for (const outcome of [fifo, drf, fair]) {
    assert.is(outcome.placed + outcome.neverPlaced, 600);
    assert.ok(outcome.wait.p50Ms <= outcome.wait.p95Ms);
    assert.ok(outcome.fairness > 0 && outcome.fairness <= 1);
    assert.equal(Object.keys(outcome.utilisation), ['cuda.device', 'cpu', 'mem']);
    for (const share of Object.values(outcome.utilisation)) assert.ok(share > 0 && share <= 1);
    assert.equal(Object.keys(outcome.waitBySize).toSorted(), ['1', '2-4']);
    assert.ok(Object.keys(outcome.waitByUser).length >= 5);
  }
  assert.not.equal(drf.wait, fifo.wait);
});

compare('Jain: even shares are 1, one who has all of n is 1/n', () => {
  assert.is(jain([3, 3, 3]), 1);
  assert.is(jain([9, 0, 0]), 1 / 3);
  assert.is(jain([]), 1);
});

const swf = suite('scheduler: standard workload format');

swf('the sample that is shipped is what the generator writes, and runs', () => {
  const text = readFileSync(SAMPLE, 'utf8');
  assert.is(text, writeSwf(200, 11));
  const trace = parseSwf(text);
  assert.is(trace.header['MaxProcs'], '128');
  assert.is(trace.jobs.length, 200);
  const { from } = mixedDay(1);
  const load = toLoad(trace, { from, group: 'default', coresPerKernelMax: 16 });
  assert.is(load.arrivals.length + load.skipped, 200);
  assert.ok(load.skipped > 0, 'some were cancelled before they ran');
  const { outcome } = runWorkload({ from, ...load });
  assert.is(outcome.placed, load.arrivals.length);
});

const LINE = '1 10 5 60 4 -1 1024 8 120 2048 1 3 2 -1 1 1 -1 -1';

swf('eighteen fields are read, -1 is unknown', () => {
  const { header, jobs } = parseSwf(`; MaxNodes: 4\n;  Note: one; two\n\n${LINE}\n`);
  assert.equal(header, { MaxNodes: '4', Note: 'one; two' });
  assert.equal(jobs, [
    {
      number: 1,
      submitSeconds: 10,
      waitSeconds: 5,
      runSeconds: 60,
      processors: 4,
      usedMemoryKib: 1024,
      requestedProcessors: 8,
      requestedSeconds: 120,
      requestedMemoryKib: 2048,
      status: 1,
      user: 3,
      group: 2,
      queue: 1,
      partition: 1,
    },
  ]);
});

swf(
  'a job becomes a session: cores over kernels, memory a core, at most as long as it asked',
  () => {
    const { from } = mixedDay(1);
    const mapping = { from, group: 'default', coresPerKernelMax: 3 };
    const { arrivals, durationMs } = toLoad(parseSwf(LINE), mapping);
    const session = arrivals[0]?.session;
    assert.is(arrivals[0]?.atMs, 10_000);
    assert.is(session?.clusterMode, 'multi-node');
    assert.equal(
      session?.kernels.map(({ request }) => request),
      [
        [0, 3000, 3 * 2048 * 1024],
        [0, 3000, 3 * 2048 * 1024],
        [0, 2000, 2 * 2048 * 1024],
      ],
    );
    assert.is(session?.runsAtMostMs, 120_000);
    assert.is(durationMs.get('job-1'), 60_000);
  },
);

swf('what is malformed is refused with its line', () => {
  const refused = (text: string, message: RegExp): void => {
    assert.throws(() => parseSwf(text), message);
  };
  refused(`${LINE}\n1 2 3`, /line 2: 3 fields instead of 18/);
  refused(`; x\n${LINE.replace(' 60 ', ' sixty ')}`, /line 2: field 4 \(run time\) is no number/);
  refused(LINE.replace('1 10', '1 -1'), /line 1: field 2 \(submit time\) is unknown/);
  refused(LINE.replace('1 10 5', '1 10 -5'), /line 1: field 3 \(wait time\) is below zero: -5/);
  refused(`${LINE}\n${LINE}`, /line 2: job 1 is there twice/);
});

compare.run();
swf.run();
