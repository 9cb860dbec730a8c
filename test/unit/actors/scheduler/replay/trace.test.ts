import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { replay } from '../../../../../actors/scheduler/replay/run.ts';
import { parseSwf } from '../../../../../actors/scheduler/replay/swf.ts';
import { jain } from '../../../../../actors/scheduler/replay/tally.ts';
import { recordingOfTrace } from '../../../../../actors/scheduler/replay/trace.ts';
import { writeSwf } from './swf-sample.ts';

const swf = suite('scheduler: standard workload format');
const SAMPLE = fileURLToPath(new URL('../../../../golden/workloads/sample.swf', import.meta.url));
const GIB = 2 ** 30;
const NODES = { count: 8, slots: { cpu: '16', mem: String(64 * GIB) } };

swf('the sample that is shipped is what the generator writes, and runs under each policy', () => {
  const text = readFileSync(SAMPLE, 'utf8');
  assert.is(text, writeSwf(200, 11));
  const trace = parseSwf(text);
  assert.is(trace.header['MaxProcs'], '128');
  assert.is(trace.jobs.length, 200);
  const { recording, skipped } = recordingOfTrace(trace, NODES);
  assert.is(recording.turns.length + skipped, 200);
  assert.ok(skipped > 0, 'some were cancelled before they ran');
  const seen = new Set<string>();
  for (const policy of [
    {},
    { ordering: 'lifo' as const },
    { ordering: 'drf' as const },
    { ordering: 'fair-share' as const },
    { reservation: 'first-blocked' as const },
  ]) {
    const result = replay(recording, { group: 'default', policy });
    if (!result.ok) throw new Error(result.error.message);
    const { outcome } = result.value;
    assert.is(outcome.placed, recording.turns.length, 'it runs until everybody has run');
    assert.is(outcome.waiting, 0);
    assert.is(outcome.assumedRuns, 0);
    assert.ok((outcome.utilisation['cpu'] ?? 0) > 0.2);
    seen.add(JSON.stringify(outcome.waitByUser));
  }
  assert.ok(seen.size >= 4, `${seen.size} different`);
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
    const nodes = { count: 4, slots: { cpu: '3', mem: '1000000000' } };
    const { recording } = recordingOfTrace(parseSwf(LINE), nodes);
    const [input] = recording.turns[0]?.inputs ?? [];
    assert.is(recording.turns[0]?.atMs, 10_000);
    const queued =
      input?.type === 'tell' && input.command.type === 'queue' ? input.command.queued : undefined;
    assert.is(queued?.clusterMode, 'multi-node');
    const kernel = (cpu: number) => ({ cpu: String(cpu), mem: String(cpu * 2048 * 1024) });
    assert.equal(
      queued?.kernels.map(({ slots }) => slots),
      [kernel(3), kernel(3), kernel(2)],
    );
    assert.is(queued?.runsAtMostMs, 120_000);
    assert.is(recording.ranMs.get('job-1'), 60_000);
  },
);

swf('Jain: even shares are 1, one who has all of n is 1/n', () => {
  assert.is(jain([3, 3, 3]), 1);
  assert.is(jain([9, 0, 0]), 1 / 3);
  assert.is(jain([]), 1);
});

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

swf.run();
