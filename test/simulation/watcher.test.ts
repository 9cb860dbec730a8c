import { contentId, derivedId, type RecordedCommit, type SessionEvent } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SESSION_SCHEMA_VERSION } from '../../bus/contracts/session.ts';
import { encodeBody } from '../../bus/message-codec.ts';
import { ModelEngine } from './model-node.ts';
import { Watcher } from './watcher.ts';

const SESSION = derivedId('session', 'watched');
const KERNEL = derivedId('kernel', 'watched');
const SLOTS = { cpu: '1', mem: '1' };
const NODE = 'node-a';

const scheduled = (attempt: number): readonly SessionEvent[] => [
  {
    type: 'session-scheduled',
    attempt,
    placements: [{ kernel: KERNEL, node: NODE, slots: SLOTS }],
  },
  { type: 'kernel-scheduled', kernel: KERNEL, node: NODE, slots: SLOTS },
  { type: 'kernel-preparing', kernel: KERNEL },
  { type: 'session-preparing' },
];
const enqueued: SessionEvent = {
  type: 'session-enqueued',
  session: SESSION,
  request: {
    name: 'watched',
    sessionType: 'interactive',
    owner: { userId: derivedId('user'), email: 'a@b.test', projectId: 'p', domain: 'd' },
    resourceGroup: 'default',
    clusterMode: 'single-node',
    priority: 0,
    environ: {},
    command: null,
    kernels: [
      {
        id: KERNEL,
        role: 'main',
        index: 1,
        localRank: 0,
        hostname: 'main1',
        image: 'simulated',
        slots: SLOTS,
      },
    ],
  },
};
const requeued: readonly SessionEvent[] = [
  { type: 'kernel-requeued', kernel: KERNEL },
  { type: 'session-requeued', reason: 'engine-unavailable', message: 'scripted' },
];

/** Puts the events into a log of one session, one commit a list, and shows each to the watcher. */
function watch(...commits: readonly (readonly SessionEvent[])[]): Watcher {
  const engines = new Map([[NODE, new ModelEngine(() => undefined)]]);
  const watcher = new Watcher(new Map([[NODE, { cpu: '1', mem: '64' }]]), engines);
  for (const [index, events] of commits.entries()) {
    const before: RecordedCommit | undefined = watcher.commits.at(-1);
    const body = encodeBody('evt', {
      id: contentId(String(index)),
      aggregate: 'session',
      aggregateId: SESSION,
      firstRevision: before === undefined ? 1 : before.firstRevision + before.events.length,
      schemaVersion: SESSION_SCHEMA_VERSION,
      recordedAtMs: index,
      actor: { kind: 'system', id: 'control' },
      commandId: String(index),
      commandType: 'test',
      inboxSequence: index,
      previousHash: before?.hash ?? '',
      events,
    });
    const subject = `evt.session.${SESSION}`;
    watcher.committed({ sequence: index + 1, subject, messageId: undefined, body });
  }
  return watcher;
}

const watching = suite('simulation: what its watcher calls a violation');

watching(
  'a start in the second attempt of a session is no double, on the same node as well',
  () => {
    const watcher = watch([enqueued], scheduled(1), requeued, scheduled(2));
    watcher.started(NODE, { kernel: KERNEL, session: SESSION, revision: 5 });
    watcher.started(NODE, { kernel: KERNEL, session: SESSION, revision: 11 });
    assert.is(watcher.violation, undefined);
  },
);

watching(
  'a second start in one attempt is a double, on whatever node and for whatever wish',
  () => {
    const watcher = watch([enqueued], scheduled(1));
    watcher.started(NODE, { kernel: KERNEL, session: SESSION, revision: 4 });
    watcher.started('node-b', { kernel: KERNEL, session: SESSION, revision: 5 });
    assert.match(watcher.violation ?? '', 'twice in attempt 1');
  },
);

watching(
  'a start for a revision that the log does not hold is an effect without its commit',
  () => {
    const watcher = watch([enqueued], scheduled(1));
    watcher.started(NODE, { kernel: KERNEL, session: SESSION, revision: 6 });
    assert.match(watcher.violation ?? '', 'a commit that is not in the log');
  },
);

watching('an event that its machine refuses is named with its place', () => {
  assert.match(watch([enqueued], requeued).violation ?? '', 'kernel-requeued is not legal');
});

watching('an answer that names a commit which is not there is a lost command', () => {
  const watcher = watch([enqueued]);
  watcher.answered({ ok: true, revision: 1, sequence: 1 });
  assert.is(watcher.violation, undefined);
  watcher.answered({ ok: true, revision: 2, sequence: 2 });
  assert.match(watcher.violation ?? '', 'commit 2');
});

watching.run();
