import type { KernelReport, KernelSpec, KernelWish } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ContainerState, KernelContainer } from '../../../../actors/agent/container-driver.ts';
import { type Action, decide, exitReport, VANISHED } from '../../../../actors/agent/decide.ts';
import type { KernelEnd, KernelRecord } from '../../../../actors/agent/kernel-record.ts';

const kernel = '0190b0c8-0000-7000-8000-000000000001';
const session = '0190b0c8-0000-7000-8000-000000000002';

const spec: KernelSpec = {
  kernel,
  session,
  sessionName: 's',
  sessionType: 'batch',
  image: 'host',
  command: ['true'],
  environ: {},
  slots: {},
  hostname: 'main1',
  role: 'main',
  ownerUserId: 'u',
  ownerProjectId: 'p',
};
const REVISION = 5;
const wishes = {
  prepare: { shall: 'be-prepared', revision: REVISION, spec },
  run: { shall: 'run', revision: REVISION, spec },
  report: { shall: 'report', revision: REVISION, kernel, session },
  gone: { shall: 'be-gone', revision: REVISION, kernel, session, graceMs: 9, reason: 'asked' },
} as const satisfies Record<string, KernelWish>;

const end: KernelEnd = {
  state: 'exited',
  exitCode: 3,
  wasOutOfMemory: false,
  finishedAtMs: 7,
  reason: 'self-terminated',
};
const failed: KernelEnd = { state: 'failed', step: 'pull', code: 'image-not-found', message: 'm' };
const exit = { exitCode: 3, wasOutOfMemory: false, finishedAtMs: 7 };

const container = (state: ContainerState): KernelContainer => ({
  id: 'c',
  kernel,
  session,
  wishRevision: 2,
  state,
});
const running = container({ phase: 'running', startedAtMs: 4 });
const exited = container({ phase: 'exited', exit });
const created = container({ phase: 'created' });
const none = undefined;

const record = (more: Partial<KernelRecord>): KernelRecord => ({
  kernel,
  session,
  revision: 2,
  phase: 'met',
  ...more,
});
const met = record({});
const wasRunning = record({ phase: 'running' });
const ended = record({ phase: 'ended', end });
const endedHere = record({ phase: 'ended', end, revision: REVISION });
const failedHere = record({ phase: 'ended', end: failed, revision: REVISION });
const failedBefore = record({ phase: 'ended', end: failed });
const gone = record({ phase: 'gone', end });
const goneHere = record({ phase: 'gone', end, revision: REVISION });
const newer = record({ revision: REVISION + 1 });
const goneNewer = record({ phase: 'gone', revision: REVISION + 1 });

const reported = (report: KernelReport): Action => ({ action: 'report', report });
const cleared = (report: KernelReport): Action => ({ action: 'clear', report });
const isRunning: KernelReport = { state: 'running', containerId: 'c', startedAtMs: 4 };
const ignore: Action = { action: 'ignore' };
const prepare: Action = { action: 'prepare', spec };
const start: Action = { action: 'start', spec };
const stop: Action = { action: 'stop', graceMs: 9, reason: 'asked' };

type Row = readonly [
  wish: keyof typeof wishes,
  record: KernelRecord | undefined,
  container: KernelContainer | undefined,
  expected: Action,
  sentence: string,
];

const table: readonly Row[] = [
  ['prepare', none, none, prepare, 'a kernel nobody knows is prepared'],
  ['prepare', newer, none, ignore, 'a preparation older than what was met is ignored'],
  ['prepare', failedHere, none, reported(failed), 'a preparation that failed is told again'],
  ['prepare', failedBefore, none, prepare, 'a new preparation after a failed one is tried'],
  ['prepare', gone, none, prepare, 'a kernel that was here before may come back by a newer wish'],
  ['prepare', wasRunning, running, reported({ state: 'prepared' }), 'what runs is prepared'],
  ['run', met, none, start, 'a prepared kernel is started'],
  ['run', none, none, start, 'a kernel is started even if its preparation was never heard of'],
  ['run', met, created, start, 'a container that was created and not started is started'],
  ['run', wasRunning, running, reported(isRunning), 'a kernel that runs is not started twice'],
  ['run', wasRunning, exited, reported(end), 'a container that ended is not started again'],
  ['run', ended, none, reported(end), 'an end is remembered when the container is gone'],
  [
    'run',
    wasRunning,
    none,
    reported(VANISHED),
    'what was started and vanished is not started again',
  ],
  ['run', failedHere, none, reported(failed), 'a start that failed is told again'],
  ['run', endedHere, exited, reported(end), 'an end is told again in the same words'],
  ['run', goneNewer, none, ignore, 'a start later than the wish to be gone is ignored'],
  ['report', none, none, reported({ state: 'absent' }), 'a kernel nobody knows is absent'],
  ['report', wasRunning, running, reported(isRunning), 'a running kernel is told to run'],
  ['report', wasRunning, exited, reported(end), 'an ended kernel is told to have ended'],
  ['report', wasRunning, none, reported(VANISHED), 'a kernel that vanished has ended'],
  ['report', met, created, cleared({ state: 'absent' }), 'what nobody will start is cleared away'],
  ['report', gone, none, reported(end), 'a kernel that is gone has ended as it had'],
  ['gone', wasRunning, running, stop, 'a running kernel is stopped'],
  ['gone', met, created, cleared({ state: 'absent' }), 'a created container is removed'],
  ['gone', wasRunning, exited, cleared(end), 'an ended container is removed'],
  ['gone', none, none, cleared({ state: 'absent' }), 'a kernel nobody knows is absent'],
  ['gone', wasRunning, none, cleared(VANISHED), 'a kernel that vanished is told to have ended'],
  ['gone', goneHere, none, cleared(end), 'a wish to be gone that comes again has the same answer'],
  ['gone', failedBefore, none, cleared(failed), 'a start that failed is told again at the end'],
  ['gone', newer, running, ignore, 'a wish to be gone that is older than another is ignored'],
];

const test = suite('agent decisions');

for (const [wish, remembered, seen, expected, sentence] of table)
  test(`${wish}: ${sentence}`, () => {
    assert.equal(decide(wishes[wish], { record: remembered, container: seen }), expected);
  });

test('the reason of an exit is who ended it, else what went wrong, else the program', () => {
  const startFailure = { code: 'command-not-found', message: 'm' };
  assert.is(exitReport(exit, undefined).reason, 'self-terminated');
  assert.is(exitReport({ ...exit, startFailure }, undefined).reason, 'command-not-found');
  assert.is(exitReport({ ...exit, startFailure }, 'user-requested').reason, 'user-requested');
});

test.run();
