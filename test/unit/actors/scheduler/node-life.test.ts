import { derivedId, type SchedulerCommand } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { schedulerAggregate } from '../../../../actors/scheduler/aggregate.ts';
import { emptyState, type SchedulerState } from '../../../../actors/scheduler/state.ts';
import { restore, serialise } from '../../../../actors/scheduler/stored-state.ts';
import { node, policy, queue, release, SchedulerUnderTest, wake } from './scheduler-under-test.ts';

const life = suite('scheduler: the life of nodes');

life('a node that shrinks gives nothing more, and what it gave stays', () => {
  const scheduler = new SchedulerUnderTest('first', 'second', 'third');
  scheduler.take(node('a', 4), queue('first', { cpu: 2 }), queue('second', { cpu: 2 }));
  assert.equal(scheduler.take(node('a', 1), queue('third')), ['third held no-available-instances']);
  assert.is(scheduler.state.nodes.get('a')?.free[0], -3000);
  assert.equal(scheduler.take(release('first')), []);
  assert.equal(scheduler.take(release('second')), ['third -> a']);
});

life('a node that grows takes those who wait at once', () => {
  const scheduler = new SchedulerUnderTest('large');
  scheduler.take(node('a', 1), queue('large', { cpu: 4 }));
  assert.equal(scheduler.take(node('a', 4)), ['large -> a']);
});

life('a node that changes its group is taken by the sessions of the other one', () => {
  const scheduler = new SchedulerUnderTest('there');
  scheduler.take(node('a', 1), queue('there', { resourceGroup: 'gpu' }));
  assert.equal(scheduler.take(node('a', 1, { resourceGroup: 'gpu' })), ['there -> a']);
});

life('a node takes no more containers than it may', () => {
  const scheduler = new SchedulerUnderTest('first', 'second');
  const commands = [node('a', 4, { containersMax: 1 }), queue('first'), queue('second')];
  assert.equal(scheduler.take(...commands), ['first -> a', 'second held agent-full']);
  assert.equal(scheduler.take(release('first')), ['second -> a']);
});

life('a group lets its nodes have so many containers, and more at once when that changes', () => {
  const scheduler = new SchedulerUnderTest('first', 'second', 'third');
  scheduler.take(policy({ containersPerNodeMax: 1 }), node('a', 4), node('b', 4));
  assert.equal(scheduler.take(queue('first'), queue('second'), queue('third')), [
    'first -> a',
    'second -> b',
    'third held agent-full',
  ]);
  assert.equal(scheduler.take(policy({ containersPerNodeMax: 2 })), ['third -> a']);
});

life('of what a node and its group say of containers the smaller number counts', () => {
  const scheduler = new SchedulerUnderTest('first', 'gang');
  scheduler.take(policy({ containersPerNodeMax: 2 }), node('a', 4, { containersMax: 1 }));
  assert.equal(scheduler.take(queue('first'), queue('gang', { size: 3 })), [
    'first -> a',
    'gang held never-fits',
  ]);
  scheduler.take(node('a', 4, { containersMax: 9 }));
  assert.equal(scheduler.take(release('first')), []);
  assert.equal(scheduler.take(policy({ containersPerNodeMax: 3 })), ['gang -> a a a']);
});

life('a node that is cordoned is left alone, and takes those who wait when it is not', () => {
  const scheduler = new SchedulerUnderTest('waits');
  scheduler.take(node('a', 1, { isSchedulable: false }));
  assert.equal(scheduler.take(queue('waits')), ['waits held no-available-instances']);
  assert.equal(scheduler.take(node('a', 1)), ['waits -> a']);
});

life('all who have a place on a node hear that it was lost, and that it is back', () => {
  const scheduler = new SchedulerUnderTest('there', 'gang', 'elsewhere');
  scheduler.take(
    ...[node('a', 1), node('b', 2)],
    ...[queue('gang', { size: 2, clusterMode: 'multi-node' }), queue('elsewhere')],
  );
  const [first] = scheduler.state.allocations.values();
  const there = first?.placements.some((place) => place.node === 'a') ? 'gang' : 'elsewhere';
  for (const change of ['lost', 'returned'] as const) {
    const command: SchedulerCommand = { type: 'look-after-node', node: 'a', change };
    assert.equal(scheduler.tell(command), [[there, { ...command, attempt: 1 }]]);
  }
});

life('nodes where a start failed are taken last, until that is forgotten', () => {
  const scheduler = new SchedulerUnderTest('again', 'later');
  const failedOn = [{ node: 'a', untilMs: 5_000 }];
  scheduler.take(node('a', 4), node('b', 2));
  assert.equal(scheduler.take(queue('again', { failedOn, attempt: 2 })), ['again -> b']);
  scheduler.nowMs = 5_000;
  assert.equal(scheduler.take(queue('later', { failedOn, attempt: 2 })), ['later -> a']);
});

life('a session of one kernel goes to the node that failed when there is no other', () => {
  const scheduler = new SchedulerUnderTest('again');
  const failedOn = [{ node: 'a', untilMs: 5_000 }];
  assert.equal(scheduler.take(node('a', 4), queue('again', { failedOn })), ['again -> a']);
});

life.run();

const preemption = suite('scheduler: preemption at work');

const ask = { isEnabled: true, order: 'oldest', runtimeMinMs: 0, victimScope: 'user' } as const;

preemption('nobody is preempted where it is not turned on', () => {
  const scheduler = new SchedulerUnderTest('runs', 'urgent');
  scheduler.take(node('a', 1), queue('runs'));
  assert.equal(scheduler.take(queue('urgent', { jobPriority: 5 })), [
    'urgent held no-available-instances',
  ]);
});

for (const mode of ['terminate', 'reschedule'] as const)
  preemption(`by ${mode} the victim hears it, and its room goes to nobody else`, () => {
    const scheduler = new SchedulerUnderTest('runs', 'urgent', 'third');
    scheduler.take(policy({ preemption: { ...ask, mode } }), node('a', 1), queue('runs'));
    const urgent = queue('urgent', { jobPriority: 5 });
    const told = scheduler.tell(urgent);
    const reason = 'preempted';
    const message = `It made room for session ${derivedId('urgent')}.`;
    assert.equal(told, [
      mode === 'terminate'
        ? ['runs', { type: 'terminate', mode: 'graceful', reason }]
        : ['runs', { type: 'requeue', attempt: 1, reason, message }],
    ]);
    assert.equal(scheduler.take(queue('third', { priority: 90 })), [
      'third held no-available-instances',
    ]);
    assert.equal(scheduler.take(release('runs', 1)), ['urgent -> a']);
    if (mode === 'terminate') return;
    assert.equal(scheduler.take(queue('runs', { attempt: 2, queuedAtMs: 1 })), [
      'runs held no-available-instances',
    ]);
    assert.equal(scheduler.take(release('urgent')), ['third -> a']);
  });

preemption('a victim that may not be preempted, or is too young, is spared', () => {
  const scheduler = new SchedulerUnderTest('kept', 'young', 'urgent');
  const rule = { ...ask, mode: 'terminate', runtimeMinMs: 10_000 } as const;
  scheduler.take(
    ...[policy({ preemption: rule }), node('a', 1), node('b', 1)],
    ...[queue('kept', { isPreemptible: false }), queue('young')],
  );
  assert.equal(scheduler.take(queue('urgent', { jobPriority: 5 })), [
    'urgent held no-available-instances',
  ]);
  scheduler.nowMs = 11_000;
  assert.equal(scheduler.take(wake), ['urgent promised b', 'young preempted terminate']);
});

preemption('who got its slots a moment before can be a victim the moment after', () => {
  const scheduler = new SchedulerUnderTest('first', 'humble', 'proud');
  const rule = { ...ask, mode: 'reschedule' } as const;
  scheduler.take(policy({ preemption: rule }), node('a', 2), queue('first', { cpu: 2 }));
  scheduler.take(queue('humble', { priority: 50 }), queue('proud', { cpu: 2, priority: 1 }));
  scheduler.take(queue('humble', { priority: 50, jobPriority: -1, attempt: 2 }));
  assert.equal(scheduler.take(release('first')), ['humble -> a']);
  assert.is(schedulerAggregate.deadline(scheduler.state)?.deadlineAtMs, 1_001);
  scheduler.nowMs = 1_001;
  assert.equal(scheduler.take(wake), ['proud promised a', 'humble preempted reschedule']);
});

preemption('who loses the node of its room has room made on another', () => {
  const scheduler = new SchedulerUnderTest('first', 'second', 'urgent');
  const rule = { ...ask, mode: 'terminate' } as const;
  const fixed = { isPreemptible: false };
  scheduler.take(policy({ preemption: rule }), node('a', 1), queue('first'));
  scheduler.take(node('b', 1), queue('second', fixed));
  const urgent = queue('urgent', { jobPriority: 5 });
  assert.equal(scheduler.take(urgent).slice(0, 2), [
    'urgent promised a',
    'first preempted terminate',
  ]);
  assert.equal(scheduler.take(node('a', 1, { isSchedulable: false })), ['urgent loses its room']);
  assert.is(scheduler.state.groups.get('default')?.promised, 0);
  assert.equal(scheduler.take(release('first')), []);
  assert.equal(scheduler.take(release('second'), queue('second', { attempt: 2 })), [
    'urgent -> b',
    'second held no-available-instances',
  ]);
});

preemption('the room that was promised is the same after the state was kept and read', () => {
  const scheduler = new SchedulerUnderTest('runs', 'urgent');
  scheduler.take(policy({ preemption: { ...ask, mode: 'terminate' } }), node('a', 1));
  scheduler.take(queue('runs'));
  scheduler.take(queue('urgent', { jobPriority: 5 }));
  const read = [...serialise(scheduler.state)].reduce<SchedulerState>(restore, emptyState());
  const promised = [{ kernel: derivedId('urgent', 'kernel', '0'), node: 'a' }];
  assert.equal(scheduler.state.queue.get(derivedId('urgent'))?.promised, promised);
  assert.equal(read.queue.get(derivedId('urgent'))?.promised, promised);
  assert.is(read.groups.get('default')?.promised, 1);
});

preemption.run();

const together = suite('scheduler: sessions that belong together');

const group = (direction: 'spread' | 'pack', enforcement: 'strict' | 'preferred') => ({
  placementGroup: { name: 'replicas', direction, enforcement },
});

together('spread lies apart, and waits for another node only when it is strict', () => {
  for (const enforcement of ['preferred', 'strict'] as const) {
    const scheduler = new SchedulerUnderTest('first', 'second', 'third');
    const spread = group('spread', enforcement);
    scheduler.take(node('a', 4), node('b', 2));
    const all = [queue('first', spread), queue('second', spread), queue('third', spread)];
    const placed = all.flatMap((one) => scheduler.take(one));
    assert.equal(placed.slice(0, 2), ['first -> a', 'second -> b']);
    const isStrict = enforcement === 'strict';
    assert.match(placed[2] ?? '', isStrict ? /^third held / : /^third -> /);
    if (isStrict) assert.equal(scheduler.take(node('c', 1)), ['third -> c']);
  }
});

together('pack lies on one node, and goes elsewhere only when it is not strict', () => {
  for (const enforcement of ['preferred', 'strict'] as const) {
    const scheduler = new SchedulerUnderTest('first', 'second', 'third');
    const pack = group('pack', enforcement);
    scheduler.take(node('a', 2), node('b', 2));
    const [first, second, third] = ['first', 'second', 'third'].map((name) =>
      scheduler.take(queue(name, pack)).join(),
    );
    const [home] = first?.split(' -> ').slice(1) ?? [];
    assert.is(second, `second -> ${home}`);
    assert.match(third ?? '', enforcement === 'strict' ? /^third held / : /^third -> /);
  }
});

together.run();
