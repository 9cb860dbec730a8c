import { agentLive, Heartbeat } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AgentBench, specOf } from './agent-bench.ts';

const test = suite<{ bench: AgentBench }>('agent');

test.before.each(async (context) => {
  context.bench = new AgentBench();
  await context.bench.start();
});

test.after.each(async ({ bench }) => {
  await bench.close();
});

test('it registers its node and its images before it is ready', ({ bench }) => {
  const told = bench.commands.map(({ aggregate }) => aggregate);
  assert.ok(told.includes('node'));
  assert.ok(told.includes('image'));
});

test('it sends a heartbeat at once and then every period', async ({ bench }) => {
  const stop = new AbortController();
  const beats: unknown[] = [];
  const listening = (async () => {
    for await (const { body } of bench.bus.live.subscribe(agentLive.heartbeats, stop.signal))
      beats.push(Heartbeat.parse(body));
  })();
  await bench.settle();
  await bench.advance(10_000);
  assert.is(beats.length, 2);
  stop.abort();
  await bench.settle();
  await listening;
});

test('a batch kernel is prepared, runs, and ends with its exit code', async ({ bench }) => {
  const spec = specOf({ runMs: 5_000, exitCode: 3 });
  await bench.wish({ shall: 'be-prepared', revision: 1, spec });
  assert.equal(bench.statesOf(spec.kernel), ['prepared']);
  await bench.wish({ shall: 'run', revision: 2, spec });
  assert.equal(bench.statesOf(spec.kernel), ['prepared', 'running']);
  await bench.advance(5_000);
  const [, , exited] = bench.reportsOf(spec.kernel);
  assert.equal(exited, {
    state: 'exited',
    exitCode: 3,
    wasOutOfMemory: false,
    finishedAtMs: bench.clock.nowMs(),
    reason: 'self-terminated',
    isRemoved: true,
  });
  assert.equal(await bench.driver.list(AbortSignal.timeout(1_000)), []);
});

test('a pull is told once, and asked about meanwhile it is told again', async ({ bench }) => {
  const spec = specOf({ pullMs: 60_000 });
  const { kernel, session } = spec;
  await bench.wish({ shall: 'be-prepared', revision: 1, spec });
  await bench.wish({ shall: 'report', revision: 2, kernel, session });
  assert.equal(bench.statesOf(kernel), ['pulling', 'pulling']);
  await bench.advance(60_000);
  assert.equal(bench.statesOf(kernel), ['pulling', 'pulling', 'prepared']);
});

test('a wish to be gone ends a pull at once', async ({ bench }) => {
  const spec = specOf({ pullMs: 60_000 });
  const { kernel, session } = spec;
  await bench.wish({ shall: 'be-prepared', revision: 1, spec });
  await bench.wish({ shall: 'be-gone', revision: 2, kernel, session, graceMs: 10, reason: 'r' });
  assert.equal(bench.statesOf(kernel), ['pulling', 'absent']);
});

test('an older wish that comes late changes nothing', async ({ bench }) => {
  const spec = specOf({ runMs: null });
  const { kernel, session } = spec;
  await bench.wish({ shall: 'be-gone', revision: 3, kernel, session, graceMs: 10, reason: 'r' });
  await bench.wish({ shall: 'run', revision: 2, spec });
  await bench.wish({ shall: 'be-prepared', revision: 1, spec });
  assert.equal(bench.statesOf(kernel), ['absent']);
  assert.equal(await bench.driver.list(AbortSignal.timeout(1_000)), []);
});

test('the same wish twice starts one container', async ({ bench }) => {
  const spec = specOf({ runMs: null });
  await bench.wish({ shall: 'run', revision: 2, spec });
  await bench.wish({ shall: 'run', revision: 2, spec });
  assert.equal(bench.statesOf(spec.kernel), ['running', 'running']);
  assert.is((await bench.driver.list(AbortSignal.timeout(1_000))).length, 1);
});

test('a graceful stop gives the program its time, and an urgent one cuts it short', async ({
  bench,
}) => {
  const spec = specOf({ runMs: null, stopMs: 60_000 });
  const { kernel, session } = spec;
  await bench.wish({ shall: 'run', revision: 2, spec });
  const gone = { shall: 'be-gone', kernel, session, reason: 'user-requested' } as const;
  await bench.wish({ ...gone, revision: 3, graceMs: 10_000 });
  await bench.advance(1_000);
  assert.equal(bench.statesOf(kernel), ['running']);
  await bench.wish({ ...gone, revision: 4, graceMs: 0 });
  const [, exited] = bench.reportsOf(kernel);
  assert.is(exited?.state === 'exited' ? exited.exitCode : undefined, 137);
  assert.is(exited?.state === 'exited' ? exited.reason : undefined, 'user-requested');
  assert.equal(await bench.driver.list(AbortSignal.timeout(1_000)), []);
});

test('a program that ended by itself is not started again, and is told once', async ({ bench }) => {
  const spec = specOf({ runMs: 1_000, exitCode: 4 });
  await bench.wish({ shall: 'run', revision: 2, spec });
  await bench.advance(1_000);
  await bench.end();
  await bench.start();
  assert.equal(bench.statesOf(spec.kernel), ['running', 'exited']);
  await bench.wish({ shall: 'run', revision: 3, spec });
  await bench.wish({ shall: 'be-prepared', revision: 4, spec });
  const [, ...ends] = bench.reportsOf(spec.kernel);
  assert.is(ends.length, 3);
  for (const end of ends) {
    assert.is(end.state === 'exited' ? end.exitCode : undefined, 4);
    assert.is(end.state === 'exited' ? end.isRemoved : undefined, true);
  }
  assert.equal(await bench.driver.list(AbortSignal.timeout(1_000)), []);
});

test('a start and an end that wait to be told become one report with the facts of both', async ({
  bench,
}) => {
  const lost = new Set<() => void>();
  bench.holdReports((go) => lost.add(go));
  const spec = specOf({ pullMs: 1_000, runMs: 2_000, exitCode: 4 });
  await bench.wish({ shall: 'run', revision: 2, spec });
  await bench.advance(1_000);
  await bench.advance(2_000);
  assert.is(lost.size, 1);
  bench.holdReports(undefined);
  for (const go of lost) go();
  await bench.settle();
  assert.equal(bench.statesOf(spec.kernel), ['pulling', 'exited']);
  const exited = bench.reportsOf(spec.kernel).at(-1);
  assert.equal(exited?.state === 'exited' ? exited.ran : undefined, {
    containerId: `simulated-${spec.kernel}`,
    startedAtMs: bench.clock.nowMs() - 2_000,
  });
});

test('nothing of a kernel is left when its end is told', async ({ bench }) => {
  const spec = specOf({ runMs: null });
  const { kernel, session } = spec;
  await bench.wish({ shall: 'run', revision: 2, spec });
  await bench.wish({ shall: 'be-gone', revision: 3, kernel, session, graceMs: 1, reason: 'r' });
  assert.equal(bench.statesOf(kernel), ['running', 'exited']);
  assert.is(await bench.driver.find(kernel, AbortSignal.timeout(1_000)), undefined);
});

test('a batch kernel that takes longer than it may ends as timed out', async ({ bench }) => {
  const spec = specOf({ runMs: null }, { batchTimeoutMs: 30_000 });
  await bench.wish({ shall: 'run', revision: 2, spec });
  await bench.advance(29_999);
  assert.equal(bench.statesOf(spec.kernel), ['running']);
  await bench.advance(1);
  const [, exited] = bench.reportsOf(spec.kernel);
  assert.is(exited?.state === 'exited' ? exited.reason : undefined, 'task-timeout');
});

for (const [failsAt, step, code] of [
  ['prepare', 'prepare', 'scratch-unavailable'],
  ['pull', 'pull', 'image-pull-failed'],
  ['create', 'create', 'container-create-failed'],
  ['start', 'start', 'container-start-failed'],
] as const)
  test(`a failure of the step ${failsAt} is told as what it is`, async ({ bench }) => {
    const spec = specOf({ failsAt });
    await bench.wish({ shall: 'run', revision: 2, spec });
    const [failed] = bench.reportsOf(spec.kernel);
    assert.is(failed?.state === 'failed' ? failed.step : undefined, step);
    assert.is(failed?.state === 'failed' ? failed.code : undefined, code);
    assert.equal(await bench.driver.list(AbortSignal.timeout(1_000)), []);
  });

test('a wish that cannot be understood is passed over', async ({ bench }) => {
  await bench.wish({ nonsense: true });
  const spec = specOf({ runMs: null });
  await bench.wish({ shall: 'run', revision: 2, spec });
  assert.equal(bench.statesOf(spec.kernel), ['running']);
});

test('a new agent tells what runs and what ended meanwhile, and starts nothing twice', async ({
  bench,
}) => {
  const going = specOf({ runMs: null });
  const ending = specOf({ runMs: 1_000, exitCode: 4 });
  for (const spec of [going, ending]) await bench.wish({ shall: 'run', revision: 2, spec });
  await bench.end();
  await bench.advance(2_000);
  await bench.start();
  assert.is(bench.statesOf(going.kernel).at(-1), 'running');
  const last = bench.reportsOf(ending.kernel).at(-1);
  assert.is(last?.state === 'exited' ? last.exitCode : undefined, 4);
  const left = await bench.driver.list(AbortSignal.timeout(1_000));
  assert.equal(
    left.map(({ kernel }) => kernel),
    [going.kernel],
  );
});

test('a wish that came while no agent was there is carried out by the next one', async ({
  bench,
}) => {
  const spec = specOf({ runMs: null });
  await bench.end();
  await bench.wish({ shall: 'run', revision: 2, spec });
  await bench.start();
  assert.equal(bench.statesOf(spec.kernel), ['running']);
});

test('a program is not started twice when the clock jumped and its wish comes again', async ({
  bench,
}) => {
  const [first, second] = [specOf({ runMs: 100 }), specOf({ runMs: 100 })];
  await bench.wish({ shall: 'run', revision: 2, spec: first });
  await bench.advance(6 * 60 * 60_000);
  await bench.wish({ shall: 'run', revision: 2, spec: second });
  await bench.advance(200);
  await bench.end();
  await bench.bus.agents.saveCheckpoint('node-a', 0);
  await bench.start();
  await bench.advance(200);
  for (const { kernel } of [first, second])
    assert.is(bench.statesOf(kernel).filter((state) => state === 'running').length, 1);
});

test('wishes that are done are not read again', async ({ bench }) => {
  await bench.wish({ shall: 'run', revision: 2, spec: specOf({ runMs: null }) });
  await bench.advance(2_000);
  assert.ok((await bench.bus.agents.checkpoint('node-a')) > 0);
});

test('a container that vanishes while the agent is away is told to have ended', async ({
  bench,
}) => {
  const spec = specOf({ runMs: null });
  await bench.wish({ shall: 'run', revision: 2, spec });
  await bench.end();
  await bench.driver.remove(spec.kernel, AbortSignal.timeout(1_000));
  await bench.start();
  const last = bench.reportsOf(spec.kernel).at(-1);
  assert.is(last?.state === 'exited' ? last.reason : undefined, 'container-not-found');
});

test.run();
