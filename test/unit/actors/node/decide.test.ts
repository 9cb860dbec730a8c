import type { NodeCapacity, NodeCommand, NodeFacts } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nodeAggregate } from '../../../../actors/node/aggregate.ts';

const facts: NodeFacts = {
  driver: 'simulated',
  architecture: 'x86_64',
  resourceGroup: 'default',
  slots: { cpu: '4' },
  version: '1',
};
const register: NodeCommand = { type: 'register', facts };

/** A node after commands at one moment, with what they led to. */
function nodeAfter(commands: readonly NodeCommand[], nowMs = 1000) {
  let state = nodeAggregate.initial('a');
  const events: string[] = [];
  const told: object[] = [];
  const actor = { kind: 'system', id: 'test' } as const;
  for (const command of commands) {
    const about = { id: 'a', revision: events.length, nowMs, actor, newId: () => '' };
    const decision = nodeAggregate.decide(state, command, about);
    if (!decision.ok) throw new Error(decision.error.code);
    for (const event of decision.value.events) {
      const applied = nodeAggregate.apply(state, event);
      if (applied === undefined) throw new Error(`${event.type} is not legal`);
      state = applied.state;
      events.push(event.type);
      for (const effect of applied.effects)
        for (const message of nodeAggregate.messages(effect, state, { id: 'a', revision: 1 }))
          if (message.to === 'actor') told.push(message.command);
    }
  }
  return { state, events, told };
}

const loss = suite('node: lost and back');

loss('who is there hears of it, after the scheduler knows what it may give away', () => {
  const lose: NodeCommand = { type: 'lose', lastSeenAtMs: 1 };
  const isSchedulableOf = (told: object | undefined): unknown =>
    (told as { readonly capacity: NodeCapacity }).capacity.isSchedulable;
  const lost = nodeAfter([register, lose]);
  assert.is(isSchedulableOf(lost.told.at(-2)), false);
  assert.equal(lost.told.at(-1), { type: 'look-after-node', node: 'a', change: 'lost' });
  const back = nodeAfter([register, lose, { type: 'return' }]);
  assert.is(isSchedulableOf(back.told.at(-2)), true);
  assert.equal(back.told.at(-1), { type: 'look-after-node', node: 'a', change: 'returned' });
});

loss('a node whose agent left on purpose is told as lost, as nothing starts there', () => {
  const left = nodeAfter([register, { type: 'leave', reason: 'stopped' }]);
  assert.equal(left.told.at(-1), { type: 'look-after-node', node: 'a', change: 'lost' });
});

loss('a node that was cordoned stays so when it is lost and comes back with other slots', () => {
  const cordon: NodeCommand = { type: 'set-schedulable', isSchedulable: false };
  const larger: NodeCommand = { type: 'register', facts: { ...facts, slots: { cpu: '8' } } };
  const { told } = nodeAfter([register, cordon, { type: 'lose', lastSeenAtMs: 1 }, larger]);
  const { capacity } = told.at(-1) as { readonly capacity: NodeCapacity };
  assert.equal([capacity.isSchedulable, capacity.slots], [false, { cpu: '8' }]);
});

loss.run();

const trouble = suite('node: what is wrong there');

trouble(
  'a node takes no sessions while its engine is silent, and takes them by itself after',
  () => {
    const silent = { code: 'engine-silent', message: 'it is silent', sinceMs: 5 } as const;
    const troubled: NodeCommand = { type: 'register', facts: { ...facts, troubles: [silent] } };
    const isOpen = (commands: readonly NodeCommand[]): boolean => {
      const { capacity } = nodeAfter(commands).told.at(-1) as { readonly capacity: NodeCapacity };
      return capacity.isSchedulable;
    };
    assert.is(isOpen([register, troubled]), false);
    assert.is(isOpen([register, troubled, register]), true);
    const cordon: NodeCommand = { type: 'set-schedulable', isSchedulable: false };
    assert.is(isOpen([register, cordon, troubled, register]), false, 'an operator closed it');
    const uncordon: NodeCommand = { type: 'set-schedulable', isSchedulable: true };
    assert.is(isOpen([register, cordon, troubled, uncordon]), false, 'it is still silent');
  },
);

trouble('a kernel that will not end keeps no other session away', () => {
  const stuck = { code: 'kernel-will-not-end', message: 'it goes on', sinceMs: 5 } as const;
  const troubled: NodeCommand = { type: 'register', facts: { ...facts, troubles: [stuck] } };
  const { told } = nodeAfter([register, troubled]);
  assert.is((told.at(-1) as { readonly capacity: NodeCapacity }).capacity.isSchedulable, true);
});

trouble.run();

const life = suite('node: cordon and drain');

life('a cordoned node takes no sessions until it is taken into use again', () => {
  const cordon: NodeCommand = { type: 'set-schedulable', isSchedulable: false };
  const cordoned = nodeAfter([register, cordon, cordon]);
  assert.equal(cordoned.events, ['node-registered', 'node-schedulable-set']);
  assert.is((cordoned.told.at(-1) as { capacity: NodeCapacity }).capacity.isSchedulable, false);
  const back = nodeAfter([register, cordon, { type: 'set-schedulable', isSchedulable: true }]);
  assert.is((back.told.at(-1) as { capacity: NodeCapacity }).capacity.isSchedulable, true);
});

life(
  'the containers that an agent allows are told to the scheduler, and when it allows others',
  () => {
    const mostOf = (...commands: readonly NodeCommand[]): unknown =>
      (nodeAfter(commands).told.at(-1) as { capacity: NodeCapacity }).capacity.containersMax;
    const few: NodeCommand = { type: 'register', facts: { ...facts, containersMax: 3 } };
    assert.is(mostOf(register), undefined);
    assert.is(mostOf(register, few), 3);
    assert.is(mostOf(few, register), undefined);
  },
);

life('what is left on a drained node has to go at the deadline, and once', () => {
  const drain: NodeCommand = { type: 'drain', deadlineMs: 5000, mode: 'reschedule' };
  const drained = nodeAfter([register, drain]);
  assert.is(nodeAggregate.deadline(drained.state)?.deadlineAtMs, 6000);
  const early = nodeAfter([register, drain, { type: 'pass-deadline', deadline: 'alive' }]);
  assert.is(early.events.at(-1), 'node-drain-begun');
  const now: NodeCommand = { type: 'drain', deadlineMs: 0, mode: 'reschedule' };
  const due = nodeAfter([register, now, { type: 'pass-deadline', deadline: 'alive' }]);
  assert.equal(due.events, ['node-registered', 'node-drain-begun', 'node-drain-due']);
  assert.equal(due.told.at(-1), { type: 'evict', node: 'a', mode: 'reschedule', revision: 1 });
  assert.equal(
    nodeAggregate.reconcile(due.state).map(({ type }) => type),
    ['tellScheduler', 'evict'],
  );
  assert.is(nodeAggregate.deadline(due.state)?.deadlineAtMs, undefined);
});

life('a drain without a deadline lets those stay who are there, and is taken back', () => {
  const drain: NodeCommand = { type: 'drain', deadlineMs: null, mode: 'terminate' };
  const back: NodeCommand = { type: 'set-schedulable', isSchedulable: true };
  const { state, events } = nodeAfter([register, drain, drain, back]);
  assert.equal(events, ['node-registered', 'node-drain-begun', 'node-schedulable-set']);
  assert.is(state.context.drain, undefined);
});

life('a node that was lost and comes back is still drained', () => {
  const drain: NodeCommand = { type: 'drain', deadlineMs: 5000, mode: 'terminate' };
  const { told } = nodeAfter([
    register,
    drain,
    { type: 'lose', lastSeenAtMs: 1 },
    { type: 'return' },
  ]);
  const [capacity] = told
    .flatMap((command) => ('capacity' in command ? [command.capacity as NodeCapacity] : []))
    .toReversed();
  assert.is(capacity?.isSchedulable, false);
});

life.run();
