import { derivedId, known, type SessionEvent } from '@orrery/bus';
import { foldSession } from '@orrery/projections';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  enqueued,
  isoTimeOf,
  kernelIdOf,
  LogBook,
  lifeOf,
  sessionIdOf,
  timeOf,
} from './log-book.ts';

const session = sessionIdOf('one');
const kernel = kernelIdOf('one');

function after(...commits: readonly (readonly SessionEvent[])[]) {
  const book = new LogBook();
  book.write('session', session, enqueued('one', { sessionType: 'batch' }));
  for (const events of commits) book.write('session', session, ...events);
  return known(foldSession(book.commits));
}

function lifeUpTo(steps: number) {
  const book = new LogBook();
  for (const step of lifeOf('one', { kernels: 2 }).slice(0, steps)) step(book);
  return known(foldSession(book.commits.filter(({ aggregate }) => aggregate === 'session')));
}

const terminated = (wasOutOfMemory: boolean, exitCode: number | null): SessionEvent => ({
  type: 'kernel-terminated',
  kernel,
  reason: 'self-terminated',
  exitCode,
  wasOutOfMemory,
  finishedAtMs: null,
});

const folding = suite('session fold: rows');

folding('a session that was asked for waits with what was asked for', () => {
  const { session: row, kernels } = lifeUpTo(1);
  assert.is(row.status, 'PENDING');
  assert.is(row.revision, 1);
  assert.is(row.sequence, 1);
  assert.equal(row.requestedSlots, { cpu: '1', mem: '2048' });
  assert.equal(row.occupiedSlots, {});
  assert.equal(row.statusHistory, { PENDING: isoTimeOf(1) });
  assert.is(row.createdAtMs, timeOf(1));
  assert.equal(
    kernels.map(({ hostname, status }) => [hostname, status]),
    [
      ['main1', 'PENDING'],
      ['sub1', 'PENDING'],
    ],
  );
});

folding(
  'a placed session holds what its kernels were given, and shows each status it went through',
  () => {
    const { session: row, kernels } = lifeUpTo(4);
    assert.is(row.status, 'PREPARING');
    assert.equal(row.occupiedSlots, { cpu: '1', mem: '2048' });
    assert.equal(row.statusHistory, {
      PENDING: isoTimeOf(1),
      SCHEDULED: isoTimeOf(4),
      PREPARING: isoTimeOf(4),
    });
    assert.equal(
      kernels.map(({ agentId }) => agentId),
      ['node-a', 'node-a'],
    );
  },
);

folding('a running session has its start, and its kernels have whole milliseconds', () => {
  const { session: row, kernels } = lifeUpTo(6);
  assert.is(row.status, 'RUNNING');
  assert.is(row.startedAtMs, timeOf(6));
  assert.is(kernels[0]?.startedAtMs, timeOf(1));
  assert.is(kernels[0]?.containerId, `container-of-${kernel}`);
});

folding('an ended session holds nothing and says why it ended', () => {
  const { session: row, kernels } = lifeUpTo(8);
  assert.is(row.status, 'TERMINATED');
  assert.is(row.statusInfo, 'user-requested');
  assert.is(row.statusMessage, 'A user asked for its end.');
  assert.is(row.terminatedAtMs, timeOf(8));
  assert.is(row.exitCode, 143);
  assert.equal(row.occupiedSlots, {});
  assert.is(row.revision, 22);
  assert.is(kernels[1]?.terminatedAtMs, timeOf(8));
});

folding('a batch session keeps the result and the exit code of its program', () => {
  const { session: row } = after([
    terminated(false, 3),
    { type: 'session-finished', result: 'failure', exitCode: 3, reason: 'task-failed' },
    { type: 'session-terminating', reason: 'task-failed', mode: 'graceful' },
    { type: 'session-terminated', reason: 'task-failed' },
  ]);
  assert.is(row.result, 'failure');
  assert.is(row.exitCode, 3);
  assert.is(row.statusInfo, 'task-failed');
});

folding(
  'a kernel that was out of memory makes its session out of memory, whatever the reason says',
  () => {
    const { session: row, kernels } = after([
      terminated(true, 137),
      { type: 'session-terminating', reason: 'self-terminated', mode: 'graceful' },
      { type: 'session-terminated', reason: 'self-terminated' },
    ]);
    assert.is(row.statusInfo, 'out-of-memory');
    assert.match(row.statusMessage ?? '', 'more memory');
    assert.is(kernels[0]?.statusInfo, 'out-of-memory');
    assert.ok(kernels[0]?.wasOutOfMemory);
  },
);

folding('a session that could not start says what the node said', () => {
  const { session: row, kernels } = after([
    {
      type: 'kernel-failed',
      kernel,
      step: 'pull',
      code: 'image-not-found',
      message: 'No such image.',
    },
    { type: 'session-failed', reason: 'image-not-found', message: 'No such image.' },
  ]);
  assert.is(row.status, 'ERROR');
  assert.is(row.statusInfo, 'image-not-found');
  assert.is(row.statusMessage, 'No such image.');
  assert.is(kernels[0]?.status, 'ERROR');
  assert.is(kernels[0]?.statusMessage, 'No such image.');
});

folding('a session that is tried again waits again, and its kernels forget their node', () => {
  const { session: row, kernels } = after(
    [
      { type: 'session-scheduled', attempt: 1, placements: [] },
      { type: 'kernel-scheduled', kernel, node: 'node-b', slots: { cpu: '1' } },
    ],
    [
      { type: 'kernel-requeued', kernel },
      { type: 'session-requeued', reason: 'node-full', message: 'It is full.' },
    ],
  );
  assert.is(row.status, 'PENDING');
  assert.is(row.statusInfo, 'node-full');
  assert.equal(row.occupiedSlots, {});
  assert.is(row.statusHistory['PENDING'], isoTimeOf(3));
  assert.is(kernels[0]?.agentId, null);
  assert.is(kernels[0]?.status, 'PENDING');
});

folding(
  'a reason without a sentence is told in its own words, be it named like a property of objects',
  () => {
    assert.is(
      after([{ type: 'session-cancelled', reason: 'constructor' }]).session.statusMessage,
      'Constructor.',
    );
  },
);

folding('an event of an unknown type counts and changes nothing else', () => {
  const book = new LogBook();
  book.write('session', session, enqueued('one'));
  const before = known(foldSession(book.commits)).session;
  const [first] = book.commits;
  const strange = {
    ...known(first),
    firstRevision: 2,
    sequence: 2,
    events: [{ type: 'session-sang' }, { type: 'kernel-running', kernel: 7 }],
  };
  const row = known(foldSession([known(first), strange])).session;
  assert.equal(row, { ...before, revision: 3, sequence: 2 });
});

folding('an event of a kernel that the session does not have changes no kernel', () => {
  const { kernels } = after([{ type: 'kernel-preparing', kernel: derivedId('another') }]);
  assert.is(kernels[0]?.status, 'PENDING');
});

folding('instants that no calendar has are held to what can be written', () => {
  const { kernels } = after([
    { type: 'kernel-running', kernel, containerId: 'c', startedAtMs: 1e300 },
  ]);
  assert.is(kernels[0]?.startedAtMs, 8.64e15);
});

folding(
  'a kernel shows its accelerators from its start to after its end, and none when it waits again',
  () => {
    const gpu = { id: 'GPU-1', slot: 'cuda.device', amount: '1', model: 'H100', memoryBytes: 1 };
    const running: SessionEvent = {
      type: 'kernel-running',
      kernel,
      containerId: 'c',
      startedAtMs: 1,
      devices: [gpu],
    };
    assert.equal(after([running]).kernels[0]?.devices, [gpu]);
    const failed = { type: 'kernel-failed', kernel, step: 'run', code: 'x', message: 'm' } as const;
    assert.equal(after([running, failed]).kernels[0]?.devices, [gpu]);
    const requeued = { type: 'kernel-requeued', kernel } as const;
    assert.equal(after([running, requeued]).kernels[0]?.devices, []);
  },
);

folding('without the first commit there is no session', () => {
  const book = new LogBook();
  for (const step of lifeOf('one')) step(book);
  assert.is(foldSession([]), undefined);
  assert.is(foldSession(book.commits.slice(3, 4)), undefined);
});

folding.run();
