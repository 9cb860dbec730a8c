import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type {
  FairShareStanding,
  ScheduleReplay,
} from '../../../gateway/client/administration-model.ts';
import { runOrrery, type Spoken } from '../../environment/command-line.ts';
import { startSystem } from '../../environment/system.ts';

const SAMPLE = fileURLToPath(new URL('../../golden/workloads/sample.swf', import.meta.url));

const system = await startSystem(['--driver', 'simulated', '--simulated-nodes', '2']);
const { client, dataDirectory } = system;
const orrery = (...args: readonly string[]): Promise<Spoken> => runOrrery(dataDirectory, ...args);
const startedAt = new Date(Date.now() - 1000).toISOString();

async function json<Shape>(...args: readonly string[]): Promise<Shape> {
  const { code, stdout, stderr } = await orrery(...args, '--json');
  assert.is(code, 0, stderr);
  return JSON.parse(stdout) as Shape;
}

function policyFile(name: string, text: string): string {
  const path = join(dataDirectory, name);
  writeFileSync(path, text);
  return path;
}

const schedule = suite('schedule: a cluster of its own');

schedule.before(async () => {
  const status = await client.status();
  const cores = Number(status.availableSlots['cpu']);
  const cpu = String(Math.max(1, Math.floor(cores / 4)));
  const created = [];
  for (let index = 0; index < 16; index += 1) {
    const command = ['sh', '-c', 'true'];
    const input = { type: 'BATCH', cpu, memory: '64m', command } as const;
    created.push((await client.createSession(input)).session.id);
  }
  for (const id of created) for await (const _ of client.sessionEvents({ id }));
});

schedule('what a real cluster recorded comes again, placement by placement', async () => {
  const drf = policyFile(
    'drf.toml',
    'scheduler = "drf"\nagentSelectionStrategy = "concentrated"\n',
  );
  const fair = policyFile('fair.json', '{"scheduler": "fair-share"}');
  const period = ['--from', startedAt, '--to', new Date().toISOString()];
  const policies = ['--policy', drf, '--policy', fair];
  const replay = await json<ScheduleReplay>('schedule', 'replay', ...period, ...policies);
  assert.is(replay.recordedPlacements, 16);
  assert.is(replay.samePlacements, 16);
  assert.equal(
    replay.columns.map(({ name, placed }) => [name, placed]),
    [
      ['own', 16],
      ['drf', 16],
      ['fair', 16],
    ],
  );
  const { code, stdout, stderr } = await orrery('schedule', 'replay', ...period, ...policies);
  assert.is(code, 0, stderr);
  assert.match(stdout, /As recorded +16 of 16 placements/);
  assert.match(stdout, /AS IT WAS +drf +fair/);
  assert.match(stdout, /fairness \(Jain\) +1\.000 +1\.000 +1\.000/);
});

schedule('a trace is run through policies', async () => {
  const { code, stdout, stderr } = await orrery(
    'schedule',
    'replay',
    '--workload',
    SAMPLE,
    '--nodes',
    '8',
    '--node-slot',
    'cpu=16',
    '--node-slot',
    'mem=64g',
    '--policy',
    policyFile('lifo.toml', 'scheduler = "lifo"'),
  );
  assert.is(code, 0, stderr);
  assert.match(stdout, /^cpu in use +\d+\.\d %$/m);
});

schedule('who used how much is shown', async () => {
  const standing = await json<FairShareStanding>('schedule', 'fair-share');
  assert.is(standing.owners.length, 3);
  assert.ok((standing.owners[0]?.usedSlotSeconds['cpu'] ?? 0) > 0);
  const { stdout } = await orrery('schedule', 'fair-share');
  assert.match(stdout, /^user +\S+ +1 +(0\.\d+|1\.0000) /m);
});

schedule('what is wrong is said in a sentence', async () => {
  const period = ['--from', startedAt, '--to', new Date().toISOString()];
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [['--from', period[3] ?? '', '--to', startedAt], /ends before it begins/],
    [['--from', startedAt, '--to', startedAt], /the period is empty/],
    [['--from', '1d', '--to', '23h'], /nothing happened in the period/],
    [['--from', '1000d', '--to', '1d'], /at most 366 days/],
    [[...period, '--group', 'nowhere'], /no such resource group/],
    [[...period, '--policy', policyFile('a.toml', 'scheduler =')], /a\.toml cannot be read/],
    [[...period, '--policy', policyFile('b.toml', 'scheduller = "drf"')], /scheduller/],
    [[...period, '--policy', policyFile('c.toml', 'scheduler = "best"')], /is no value of/],
    [[...period, '--policy', policyFile('d.json', '[1]')], /holds no options/],
    [[...period, '--policy', '/nowhere.toml'], /cannot be read/],
    [['--from', 'soon', '--to', '1d'], /--from is no instant/],
    [['--workload', SAMPLE], /--nodes/],
  ];
  for (const [args, said] of wrong) {
    const { code, stderr } = await orrery('schedule', 'replay', ...args);
    assert.not.equal(code, 0);
    assert.match(stderr, said);
    assert.is(stderr.trim().split('\n').length, 1, stderr);
  }
});

schedule.after(async () => {
  await system[Symbol.asyncDispose]();
});

schedule.run();
