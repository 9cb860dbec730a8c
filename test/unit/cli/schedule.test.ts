import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type {
  FairShareStanding,
  ReplayColumn,
  ScheduleReplay,
} from '../../../gateway/client/administration-model.ts';
import { FakeGateway, type Script } from '../client/fake-gateway.ts';
import { FakeState } from '../client/fake-state.ts';
import { orrery, type Printed, Profile } from './command-line.ts';

const LINE = '1 10 5 60 4 33 1024 8 120 2048 1 3 2 7 1 1 -1 9';

function columnOf(name: string, p95Seconds: number): ReplayColumn {
  const wait = { count: 3, p50Seconds: 1.25, p95Seconds };
  return {
    name,
    isOwn: name === 'own',
    placed: 3,
    waiting: 0,
    wait,
    waitByUser: [{ user: 'ann', ...wait }],
    usersLeftOut: 2,
    waitBySize: [{ kernels: '2-4', ...wait }],
    utilisation: { cpu: 0.5 },
    fairness: 0.75,
    preemptions: 1,
    spanSeconds: 60,
    assumedRuns: 0,
  };
}

const replay: ScheduleReplay = {
  resourceGroup: 'default',
  from: '2026-11-20T12:00:00.000Z',
  to: '2026-11-21T12:00:00.000Z',
  recordedPlacements: 3,
  samePlacements: 3,
  skippedJobs: 0,
  columns: [columnOf('own', 7_200), columnOf('drf', 300)],
};

const standing: FairShareStanding = {
  resourceGroup: 'default',
  at: '2026-11-20T12:00:00.000Z',
  isInForce: true,
  halfLifeDays: 7,
  decayUnitDays: 1,
  lookbackDays: 28,
  owners: [
    {
      kind: 'USER',
      owner: 'ann',
      rank: 1,
      factor: 0.5,
      weight: 2,
      usedSlotSeconds: { cpu: 7200, mem: 3600 * 1024 },
      countedSlotSeconds: { cpu: 3600 },
    },
  ],
  ownersLeftOut: 4,
};

type Command = (directory: string) => readonly string[];

/** Runs it with files, and tells what the gateway was asked. */
async function call(
  files: Readonly<Record<string, string | Buffer>>,
  command: Command,
): Promise<Printed & { readonly asked: Record<string, unknown> }> {
  let asked: Record<string, unknown> = {};
  const operations: NonNullable<Script['operations']> = {
    scheduleReplay: (given) => {
      asked = JSON.parse(JSON.stringify(given['input']));
      return { replay, rejection: null };
    },
    fairShare: () => ({ standing, rejection: null }),
  };
  await using gateway = await FakeGateway.start(new FakeState(), { operations });
  await using profile = await Profile.write(gateway.endpoint);
  for (const [name, content] of Object.entries(files))
    await writeFile(join(profile.directory, name), content);
  const env = { ORRERY_PROFILE: profile.path, COLUMNS: '100' };
  const argv = ['schedule', ...command(profile.directory)];
  return { ...(await orrery(argv, { env, clock: systemClock })), asked };
}

const schedule = suite('cli: schedule');

schedule('policies are sent as the gateway names them, called as their files', async () => {
  const files = {
    'much fairer.toml':
      'scheduler = "fair-share"\nallowedSessionTypes = ["batch"]\n[preemption]\nmode = "reschedule"\n',
    'plain.json': '{"pendingTimeoutSeconds": 5}',
  };
  const { asked, stdout, stderr, exitCode } = await call(files, (directory) => [
    'replay',
    ...['--from', '2026-11-20T12:00:00Z', '--to', '2026-11-21T12:00:00Z'],
    ...Object.keys(files).flatMap((name) => ['--policy', join(directory, name)]),
  ]);
  assert.is(exitCode, 0, stderr);
  assert.equal(asked, {
    from: '2026-11-20T12:00:00.000Z',
    to: '2026-11-21T12:00:00.000Z',
    policies: [
      {
        name: 'much-fairer',
        scheduler: 'FAIR_SHARE',
        allowedSessionTypes: ['BATCH'],
        preemption: { mode: 'RESCHEDULE' },
      },
      { name: 'plain', pendingTimeoutSeconds: 5 },
    ],
  });
  assert.match(stdout, /As recorded +3 of 3 placements/);
  assert.match(stdout, /AS IT WAS +drf/);
  assert.match(stdout, /^wait p95 +2h +5m$/m);
  assert.match(stdout, /^cpu in use +50\.0 % +50\.0 %$/m);
  assert.match(stdout, /^2-4 +1\.3s \/ 2h +1\.3s \/ 5m$/m);
  assert.match(stdout, /and 2 more users/);
});

schedule('a trace is sent without what nobody looks at, plain or gzipped', async () => {
  const text = `; UnixStartTime: 0\n${LINE}\n1 2 3\n`;
  for (const content of [text, gzipSync(text)]) {
    const { asked } = await call({ trace: content }, (directory) => [
      'replay',
      ...['--workload', join(directory, 'trace'), '--nodes', '4', '--node-slot', 'cpu=16'],
    ]);
    const { trace, ...workload } = asked['workload'] as { readonly trace: string };
    assert.equal(workload, { nodes: 4, slots: { cpu: '16' } });
    assert.is(
      gunzipSync(Buffer.from(trace, 'base64')).toString(),
      '\n1 10 -1 60 4 -1 1024 8 120 2048 1 3 2 -1 -1 -1 -1 -1\n1 2 3\n',
    );
  }
});

schedule('who used how much is shown in slot-hours', async () => {
  const { stdout } = await call({}, () => ['fair-share']);
  assert.match(stdout, /^user +ann +1 +0\.5000 +2 +cpu 2\.00·h, mem 1 KiB·h +cpu 1\.00·h$/m);
  assert.match(stdout, /and 4 more/);
});

schedule('a command line that makes no sense ends with 2, before anybody is asked', async () => {
  for (const wrong of [
    [],
    ['--from', '1d'],
    ['--from', 'soon', '--to', '1d'],
    ['--from', '2d', '--to', '1d', '--nodes', '4'],
    ['--from', '2d', '--to', '1d', '--policy', '/nowhere.toml'],
    ['--workload', '/nowhere.swf', '--nodes', '4', '--node-slot', 'cpu=1'],
    ['--workload', '/nowhere.swf'],
    ['--workload', '/nowhere.swf', '--from', '1d', '--nodes', '4', '--node-slot', 'cpu=1'],
  ]) {
    const { exitCode, stderr, asked } = await call({}, () => ['replay', ...wrong]);
    assert.is(exitCode, 2, wrong.join(' '));
    assert.is(stderr.trim().split('\n').length, 1);
    assert.equal(asked, {});
  }
  const named = await call({ 'p.toml': 'name = "x"' }, (directory) => [
    'replay',
    ...['--from', '2d', '--to', '1d', '--policy', join(directory, 'p.toml')],
  ]);
  assert.match(named.stderr, /name is no option of a policy/);
});

schedule.run();
