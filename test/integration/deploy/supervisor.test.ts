import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { comesTrue } from '../../../deploy/embedded/clock.ts';
import { DeployFailure } from '../../../deploy/embedded/failure.ts';
import { identify, isAlive } from '../../../deploy/embedded/process-identity.ts';
import type { ProcessPlan } from '../../../deploy/embedded/process-plan.ts';
import { endOrphans, Supervisor } from '../../../deploy/embedded/supervisor.ts';
import { makeScratch } from '../../environment/scratch.ts';

const patience = { withinMs: 10_000, everyMs: 10 };

/** A program that says it is ready and notes in `order` when it starts and when it was asked to end. */
const PROGRAM = `
const { appendFileSync } = require('node:fs');
const [name, order, stubborn] = process.argv.slice(1);
appendFileSync(order, name + ' started\\n');
process.on('SIGTERM', () => {
  appendFileSync(order, name + ' asked\\n');
  if (stubborn !== 'stubborn') process.exit(0);
});
setInterval(() => undefined, 1_000);
console.log('ready');
`;

interface Bench {
  readonly places: {
    readonly run: string;
    readonly logs: string;
    readonly onEnd: (sentence: string) => void;
  };
  readonly ends: string[];
  readonly scratch: ReturnType<typeof makeScratch>;
  plan(name: string, changes?: Partial<ProcessPlan> & { readonly mode?: string }): ProcessPlan;
  order(): string;
}

function makeBench(): Bench {
  const scratch = makeScratch('super visor');
  const [run, logs] = [join(scratch.path, 'run'), join(scratch.path, 'logs')];
  mkdirSync(run);
  mkdirSync(logs);
  const order = join(scratch.path, 'order');
  writeFileSync(order, '');
  const ends: string[] = [];
  return {
    scratch,
    ends,
    places: { run, logs, onEnd: (sentence) => ends.push(sentence) },
    order: () => readFileSync(order, 'utf8'),
    plan: (name, { mode = '', ...changes } = {}) => ({
      name,
      after: [],
      launch: async () => ({
        command: process.execPath,
        args: ['-e', PROGRAM, name, order, mode],
      }),
      isReady: async (output) => /^ready$/m.test(output()),
      stopSignal: 'SIGTERM',
      stopWithinMs: 5_000,
      ...changes,
    }),
  };
}

const supervision = suite('supervisor: processes are kept running');

supervision('each starts after those it needs, and they end in the opposite order', async () => {
  const bench = makeBench();
  const supervisor = new Supervisor(
    [bench.plan('first'), bench.plan('second', { after: ['first'] })],
    bench.places,
  );
  await supervisor.start();
  await supervisor.stop();
  assert.equal(bench.order().trim().split('\n'), [
    'first started',
    'second started',
    'second asked',
    'first asked',
  ]);
  bench.scratch.remove();
});

supervision('one that is killed comes back at once, and then with a growing delay', async () => {
  const bench = makeBench();
  const supervisor = new Supervisor([bench.plan('one')], bench.places);
  await supervisor.start();
  for (const times of [1, 2, 3]) {
    const pid = supervisor.pidOf('one');
    assert.type(pid, 'number');
    process.kill(pid ?? 0, 'SIGKILL');
    const isBack = await comesTrue(
      () => bench.order().split('one started').length === times + 2,
      patience,
    );
    assert.ok(isBack, 'the process is started again');
  }
  assert.equal(bench.ends, [
    'one was ended by SIGKILL; it is started again at once',
    'one was ended by SIGKILL; it is started again in 100 ms',
    'one was ended by SIGKILL; it is started again in 200 ms',
  ]);
  await supervisor.stop();
  bench.scratch.remove();
});

supervision('one that does not end when asked is killed after its time', async () => {
  const bench = makeBench();
  const plan = bench.plan('deaf', { mode: 'stubborn', stopWithinMs: 100 });
  const supervisor = new Supervisor([plan], bench.places);
  await supervisor.start();
  const identity = identify(supervisor.pidOf('deaf') ?? 0);
  await supervisor.stop();
  assert.ok(identity !== undefined && !isAlive(identity));
  assert.match(bench.order(), 'deaf asked');
  bench.scratch.remove();
});

supervision('one that never gets ready fails the start with its last words', async () => {
  const bench = makeBench();
  const broken = bench.plan('broken', {
    launch: async () => ({
      command: process.execPath,
      args: ['-e', 'console.error("no such key: colour"); process.exit(9)'],
    }),
  });
  const supervisor = new Supervisor([bench.plan('sound'), broken], bench.places);
  const failure = await supervisor.start().then(
    () => undefined,
    (error: unknown) => error,
  );
  await supervisor.stop();
  assert.instance(failure, DeployFailure);
  assert.match(String(failure), 'broken could not be started: it ended with code 9');
  assert.match(String(failure), '"no such key: colour"');
  bench.scratch.remove();
});

supervision('a program that is not there fails the start and says so', async () => {
  const bench = makeBench();
  const launch = async () => ({ command: '/nowhere/program', args: [] });
  const supervisor = new Supervisor([bench.plan('absent', { launch })], bench.places);
  const failure = await supervisor.start().catch((error: unknown) => error);
  await supervisor.stop();
  assert.match(String(failure), 'absent could not be started: it could not be run');
  bench.scratch.remove();
});

supervision('a stop during the start leaves nothing running', async () => {
  const bench = makeBench();
  const slow = bench.plan('slow', { isReady: async () => false });
  const supervisor = new Supervisor([slow, bench.plan('later', { after: ['slow'] })], bench.places);
  const started = supervisor.start().catch((error: unknown) => error);
  assert.ok(await comesTrue(() => bench.order().includes('slow started'), patience));
  await supervisor.stop();
  assert.instance(await started, DeployFailure);
  assert.is(bench.order(), 'slow started\nslow asked\n');
  bench.scratch.remove();
});

supervision(
  'what a killed supervisor left running is found by its pid files and ended',
  async () => {
    const bench = makeBench();
    const supervisor = new Supervisor([bench.plan('left'), bench.plan('gone')], bench.places);
    await supervisor.start();
    const identity = identify(supervisor.pidOf('left') ?? 0);
    // Numbers of processes that ended long ago, one of which is in use again.
    writeFileSync(join(bench.places.run, 'old.pid'), '{"pid":999999,"startTicks":"1"}');
    writeFileSync(
      join(bench.places.run, 'reused.pid'),
      JSON.stringify({ pid: process.pid, startTicks: '1' }),
    );
    const stopping = supervisor.stop();
    await endOrphans(bench.places.run, ['left', 'old', 'reused']);
    assert.ok(identity !== undefined && !isAlive(identity));
    assert.not.ok(existsSync(join(bench.places.run, 'old.pid')));
    await stopping;
    bench.scratch.remove();
  },
);

supervision.run();
