import { derivedId, type OwnerLimits } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { schedulerAggregate } from '../../../../actors/scheduler/aggregate.ts';
import { emptyState } from '../../../../actors/scheduler/state.ts';
import { restore, serialise } from '../../../../actors/scheduler/stored-state.ts';
import {
  limits,
  node,
  policy,
  queue,
  release,
  SchedulerUnderTest,
  wake,
} from './scheduler-under-test.ts';

const owned = suite('scheduler: limits of owners');

owned('how many run at the same time is limited for users, projects and domains', () => {
  const owners = { user: 'ann', project: 'lab', domain: 'default' } as const;
  for (const scope of ['user', 'project', 'domain'] as const) {
    const scheduler = new SchedulerUnderTest('first', 'second');
    const limit = limits(scope, owners[scope], { concurrentSessionsMax: 1 });
    assert.equal(scheduler.take(limit, node('a', 4), queue('first'), queue('second')), [
      'first -> a',
      `second held ${scope}-concurrency`,
    ]);
    assert.equal(scheduler.take(limits(scope, owners[scope], null)), ['second -> a']);
  }
});

const OWNERS = { keypair: 'ANN', user: 'ann', project: 'lab', domain: 'default' } as const;
const CHECKS = {
  keypair: 'pending-session',
  user: 'user-pending-session',
  project: 'user-group-pending-session',
  domain: 'domain-pending-session',
} as const;

for (const scope of ['keypair', 'user', 'project', 'domain'] as const) {
  owned(`how many of a ${scope} wait is limited, and changes at once for those who wait`, () => {
    const scheduler = new SchedulerUnderTest('large', 'small', 'tiny');
    scheduler.take(limits(scope, OWNERS[scope], { pendingSessionsMax: 1 }), node('a', 2));
    assert.equal(scheduler.take(queue('large', { cpu: 4 }), queue('small')), [
      'large held never-fits',
      `small held ${CHECKS[scope]}-count-limit`,
    ]);
    scheduler.nowMs += 60_000;
    assert.equal(scheduler.take(limits(scope, OWNERS[scope], { pendingSessionsMax: 2 })), [
      'small -> a',
    ]);
    assert.equal(scheduler.take(limits(scope, OWNERS[scope], { pendingSessionsMax: 1 })), []);
    assert.equal(scheduler.take(queue('tiny')), [`tiny held ${CHECKS[scope]}-count-limit`]);
    assert.equal(scheduler.take(release('large')), ['tiny -> a']);
  });

  owned(`what those of a ${scope} who wait ask for together is limited`, () => {
    const scheduler = new SchedulerUnderTest('large', 'small');
    scheduler.take(limits(scope, OWNERS[scope], { pendingTotalMax: { cpu: '4' } }), node('a', 2));
    assert.equal(scheduler.take(queue('large', { cpu: 4 }), queue('small')), [
      'large held never-fits',
      `small held ${CHECKS[scope]}-resource-limit`,
    ]);
    assert.equal(scheduler.take(limits(scope, OWNERS[scope], { pendingTotalMax: { cpu: '5' } })), [
      'small -> a',
    ]);
  });
}

owned('slots that are not named can be none at all', () => {
  const scheduler = new SchedulerUnderTest('plain', 'greedy');
  const only: OwnerLimits = { total: { cpu: '4', mem: '1000' }, unlistedSlots: 'none' };
  const gpu = { slots: { cpu: '8', mem: '1000', 'cuda.device': '2' } };
  const kernels = [{ kernel: derivedId('k'), slots: { cpu: '1', mem: '1', 'cuda.device': '1' } }];
  assert.equal(
    scheduler.take(
      ...[limits('keypair', 'ANN', only), node('a', 8, gpu)],
      ...[queue('plain'), queue('greedy', { kernels })],
    ),
    ['plain -> a', 'greedy held keypair-resource-limit'],
  );
  assert.equal(scheduler.take(limits('keypair', 'ANN', { ...only, unlistedSlots: 'unlimited' })), [
    'greedy -> a',
  ]);
});

owned('kernels of a session and its priority are limited, also of one that waits', () => {
  const scheduler = new SchedulerUnderTest('gang', 'urgent');
  const both = limits('keypair', 'ANN', { containersPerSessionMax: 2, priorityMax: 20 });
  assert.equal(
    scheduler.take(
      ...[both, node('a', 8)],
      ...[queue('gang', { size: 3 }), queue('urgent', { priority: 21 })],
    ),
    ['urgent held priority-limit', 'gang held container-limit'],
  );
  assert.equal(scheduler.take(limits('keypair', 'ANN', { containersPerSessionMax: 3 })), [
    'urgent -> a',
    'gang -> a a a',
  ]);
});

owned('who has lived for as long as its key pair lets it is told to end, once', () => {
  const scheduler = new SchedulerUnderTest('old', 'other');
  const limit = limits('keypair', 'ANN', { sessionLifetimeMaxMs: 5_000 });
  scheduler.take(limit, node('a', 4), queue('old'), queue('other', { user: 'bob' }));
  assert.is(schedulerAggregate.deadline(scheduler.state)?.deadlineAtMs, 6_000);
  scheduler.nowMs = 6_000;
  assert.equal(scheduler.tell(wake), [
    ['old', { type: 'terminate', mode: 'graceful', reason: 'idle-session-lifetime' }],
  ]);
  assert.equal(scheduler.take(wake), []);
  // Only whether those who hold slots are over is asked then.
  assert.is(schedulerAggregate.deadline(scheduler.state)?.deadlineAtMs, 1_200_000);
});

owned('a lifetime that is set late holds for those who run, also after a restart', () => {
  const scheduler = new SchedulerUnderTest('old');
  scheduler.take(node('a', 4), queue('old'));
  scheduler.nowMs = 60_000;
  scheduler.take(limits('keypair', 'ANN', { sessionLifetimeMaxMs: 5_000 }));
  assert.is(schedulerAggregate.deadline(scheduler.state)?.deadlineAtMs, 6_000);
  const stored = [...serialise(scheduler.state)];
  const again = stored.reduce(restore, emptyState());
  assert.is(schedulerAggregate.deadline(again)?.deadlineAtMs, 6_000);
  assert.equal(scheduler.take(wake), ['old expired']);
});

owned('a lifetime says when room comes, so that the small may go before the large', () => {
  const scheduler = new SchedulerUnderTest('runs', 'large', 'small', 'endless');
  scheduler.take(
    ...[policy({ reservation: 'first-blocked' }), node('a', 4)],
    ...[limits('keypair', 'ANN', { sessionLifetimeMaxMs: 60_000 })],
  );
  assert.equal(scheduler.take(queue('runs', { cpu: 3 })), ['runs -> a']);
  assert.equal(scheduler.take(queue('large', { cpu: 4, user: 'bob' })), [
    'large held no-available-instances',
  ]);
  assert.equal(scheduler.take(queue('endless', { user: 'bob' })), [
    'endless held kept-for-another',
  ]);
  assert.equal(scheduler.take(queue('small', { runsAtMostMs: 50_000 })), ['small -> a']);
});

owned('nobody starts in a group that is not active, and all do when it is again', () => {
  const scheduler = new SchedulerUnderTest('runs', 'waits');
  scheduler.take(node('a', 4), queue('runs'));
  scheduler.take(policy({ isActive: false }));
  assert.equal(scheduler.take(queue('waits')), ['waits held resource-group-active']);
  assert.equal(scheduler.take(policy({ isActive: true })), ['waits -> a']);
});

owned.run();
