import {
  DEFAULT_GROUP_POLICY,
  derivedId,
  type GroupPolicy,
  type QueuedSession,
  type SchedulerCommand,
  type SchedulerEvent,
} from '@orrery/bus';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { schedulerAggregate } from '../../../../actors/scheduler/aggregate.ts';
import { decide } from '../../../../actors/scheduler/decide.ts';
import { fold } from '../../../../actors/scheduler/fold.ts';
import { conclude } from '../../../../actors/scheduler/pass.ts';
import {
  emptyState,
  type SchedulerState,
  touchEveryone,
} from '../../../../actors/scheduler/state.ts';
import { restore, serialise } from '../../../../actors/scheduler/stored-state.ts';

const node = (name: string, cpu: number, group = 'default'): SchedulerCommand => ({
  type: 'update-node',
  capacity: {
    node: name,
    resourceGroup: group,
    architecture: 'x86_64',
    slots: { cpu: String(cpu), mem: '1000' },
    isSchedulable: true,
  },
});

const queuedOf = (name: string, changes: Partial<QueuedSession> & { cpu?: number } = {}) => {
  const { cpu = 1, ...others } = changes;
  const queued: QueuedSession = {
    session: derivedId(name),
    attempt: 1,
    resourceGroup: 'default',
    clusterMode: 'single-node',
    priority: 10,
    owner: { userId: 'ann', projectId: 'lab', domain: 'default', accessKey: 'ANN' },
    kernels: [{ kernel: derivedId(name, 'kernel'), slots: { cpu: String(cpu), mem: '1' } }],
    ...others,
  };
  return queued;
};
const queue = (
  name: string,
  changes: Partial<QueuedSession> & { cpu?: number } = {},
): SchedulerCommand => ({ type: 'queue', queued: queuedOf(name, changes) });
const release = (name: string, result?: 'success' | 'failure'): SchedulerCommand => ({
  type: 'release',
  session: derivedId(name),
  attempt: 9,
  ...(result === undefined ? {} : { result }),
});
const policy = (changes: Partial<GroupPolicy>): SchedulerCommand => ({
  type: 'set-group',
  group: 'default',
  policy: { ...DEFAULT_GROUP_POLICY, ...changes },
});

/** A turn of these commands and all commits that follow from it. */
function take(
  state: SchedulerState,
  commands: readonly SchedulerCommand[],
  nowMs = 1000,
): readonly SchedulerEvent[] {
  const events = commands.flatMap((command) => {
    const decision = decide(state, command, { nowMs });
    if (!decision.ok) throw new Error(decision.error.code);
    return decision.value.events;
  });
  for (let isMore = true; isMore; ) {
    const conclusion = conclude(state, events, nowMs);
    events.push(...conclusion.events);
    ({ isMore } = conclusion);
  }
  return events;
}

const shown = (events: readonly SchedulerEvent[]): readonly string[] =>
  events.flatMap((event) => {
    switch (event.type) {
      case 'session-placed':
        return [`${event.session} -> ${event.placements.map((place) => place.node).join(' ')}`];
      case 'session-held':
        return [`${event.session} held ${event.reason.code}`];
      case 'session-given-up':
        return [`${event.session} ended ${event.reason}`];
      case 'session-preempted':
        return [`${event.session} preempted ${event.mode}`];
      default:
        return [];
    }
  });

const effectsOf = (state: SchedulerState, events: readonly SchedulerEvent[]) =>
  events
    .flatMap((event) => schedulerAggregate.effectsOf?.(event) ?? [])
    .flatMap((effect) => schedulerAggregate.messages(effect, state, { id: 'main', revision: 1 }))
    .flatMap((message) => (message.to === 'actor' ? [[message.id, message.command]] : []));

const rules = suite('scheduler: rules at work');

rules('a session that waited for too long is given up, and its actor told', () => {
  const state = emptyState();
  take(state, [policy({ pendingTimeoutMs: 5000 }), node('a', 1), queue('runs'), queue('waits')]);
  assert.is(schedulerAggregate.deadline(state)?.deadlineAtMs, 6000);
  const events = take(state, [{ type: 'pass-deadline', deadline: '' }], 6000);
  assert.equal(shown(events), [`${derivedId('waits')} ended pending-timeout`]);
  assert.equal(effectsOf(state, events), [
    [derivedId('waits'), { type: 'terminate', mode: 'force', reason: 'pending-timeout' }],
  ]);
  assert.is(state.queue.size, 0);
});

rules('a session starts at its time, not before', () => {
  const state = emptyState();
  const first = take(state, [node('a', 1), queue('later', { startsAtMs: 9000 })]);
  assert.equal(shown(first), [`${derivedId('later')} held reserved-time`]);
  assert.is(schedulerAggregate.deadline(state)?.deadlineAtMs, 9000);
  const then = take(state, [{ type: 'pass-deadline', deadline: '' }], 9000);
  assert.equal(shown(then), [`${derivedId('later')} -> a`]);
});

rules('a session starts when those it depends on have ended well', () => {
  const state = emptyState();
  const dependencies = [{ session: derivedId('first'), name: 'first' }];
  const begun = take(state, [node('a', 4), queue('first'), queue('second', { dependencies })]);
  assert.equal(shown(begun), [
    `${derivedId('first')} -> a`,
    `${derivedId('second')} held dependencies`,
  ]);
  assert.equal(shown(take(state, [release('first', 'success')])), [`${derivedId('second')} -> a`]);
  assert.is(state.dependedOn.size, 0);
});

rules('who comes last is told its place, behind all of its priority and above', () => {
  const state = emptyState();
  take(state, [node('a', 1), queue('runs'), queue('first', { priority: 5 }), queue('second')]);
  const placeOf = (events: readonly SchedulerEvent[]) =>
    events.map((event) => event.type === 'session-held' && event.reason.place).at(-1);
  assert.is(placeOf(take(state, [queue('third')])), 2);
  assert.is(placeOf(take(state, [queue('fourth', { priority: 1 })])), 4);
  assert.is(placeOf(take(state, [queue('urgent', { priority: 90 })])), 1);
});

rules('a session whose dependency failed is given up', () => {
  const state = emptyState();
  const dependencies = [{ session: derivedId('first'), name: 'first' }];
  take(state, [node('a', 4), queue('first'), queue('second', { dependencies })]);
  assert.equal(shown(take(state, [release('first', 'failure')])), [
    `${derivedId('second')} ended dependency-failed`,
  ]);
});

rules('one that nobody here knows is asked how it ended', () => {
  const state = emptyState();
  const dependencies = [{ session: derivedId('gone'), name: 'gone' }];
  const events = take(state, [node('a', 4), queue('second', { dependencies })]);
  assert.equal(effectsOf(state, events), [[derivedId('gone'), { type: 'tell-outcome' }]]);
  const told = { type: 'finish', session: derivedId('gone'), result: 'success' } as const;
  assert.equal(shown(take(state, [told])), [`${derivedId('second')} -> a`]);
});

rules('who is preempted is told, and its room goes to the one for whom it was made', () => {
  const preemption = { ...DEFAULT_GROUP_POLICY.preemption, isEnabled: true };
  const state = emptyState();
  take(state, [policy({ preemption: { ...preemption, mode: 'reschedule' } }), node('a', 1)]);
  take(state, [queue('victim')]);
  const events = take(state, [queue('urgent', { jobPriority: 5 }), queue('other')]);
  assert.ok(shown(events).includes(`${derivedId('victim')} preempted reschedule`));
  const [told] = effectsOf(state, events);
  assert.equal(told, [
    derivedId('victim'),
    {
      type: 'requeue',
      attempt: 1,
      reason: 'preempted',
      message: `It made room for session ${derivedId('urgent')}.`,
    },
  ]);
  assert.equal(
    shown(take(state, [queue('third')])).filter((line) => /preempted/.test(line)),
    [],
  );
  assert.equal(shown(take(state, [release('victim')])), [`${derivedId('urgent')} -> a`]);
});

rules('who waits again keeps its place in the queue', () => {
  const state = emptyState();
  take(state, [node('a', 1), queue('runs', { queuedAtMs: 1 })]);
  take(state, [queue('behind', { queuedAtMs: 2 })], 2000);
  const again = queue('runs', { queuedAtMs: 1, attempt: 2 });
  assert.equal(shown(take(state, [again], 3000)), [`${derivedId('runs')} -> a`]);
});

rules('a limit that is raised lets those start who waited for it, in every group', () => {
  const limit = (cpu: string): SchedulerCommand => ({
    type: 'set-limits',
    scope: 'keypair',
    key: 'ANN',
    limits: { total: { cpu } },
  });
  const state = emptyState();
  take(state, [limit('1'), node('a', 4), node('b', 4, 'other')]);
  const events = take(state, [queue('first'), queue('second', { resourceGroup: 'other' })]);
  assert.equal(shown(events), [
    `${derivedId('first')} -> a`,
    `${derivedId('second')} held keypair-resource-limit`,
  ]);
  assert.equal(shown(take(state, [release('first')])), [`${derivedId('second')} -> b`]);
  assert.equal(shown(take(state, [queue('third')])), [
    `${derivedId('third')} held keypair-resource-limit`,
  ]);
  assert.equal(shown(take(state, [limit('2')])), [`${derivedId('third')} -> a`]);
});

rules('who is on a node that is drained has to go', () => {
  const state = emptyState();
  take(state, [node('a', 2), queue('one'), queue('two')]);
  const evict = { type: 'evict', node: 'a', mode: 'terminate' } as const;
  const events = take(state, [evict]);
  assert.is(shown(events).length, 2);
  assert.equal(effectsOf(state, events)[0]?.[1], {
    type: 'terminate',
    mode: 'graceful',
    reason: 'node-drained',
  });
  assert.equal(take(state, [evict]), []);
});

rules('a pass of more than 500 kernels goes on in further commits, all of them whole', () => {
  const state = emptyState();
  const kernels = (index: number) =>
    Array.from({ length: 3 }, (_, kernel) => ({
      kernel: derivedId('gang', String(index), String(kernel)),
      slots: { cpu: '1' },
    }));
  const gangs = Array.from({ length: 400 }, (_, index) =>
    queue(`gang ${index}`, { kernels: kernels(index), clusterMode: 'multi-node' }),
  );
  const commands = [node('a', 500), node('b', 500), node('c', 500), ...gangs];
  for (const command of commands) decide(state, command, { nowMs: 1 });
  const first = conclude(state, [], 1);
  assert.ok(first.isMore);
  const second = conclude(state, [], 1);
  const third = conclude(state, [], 1);
  assert.not.ok(third.isMore);
  const placed = [first, second, third].map(({ events }) => events.length);
  assert.equal(placed, [167, 167, 66]);
  assert.equal(conclude(state, [], 1), { events: [], isMore: false });
});

rules(
  'a pass over 1,000 gangs that is cut off after any commit goes on whole, and gives nothing twice',
  () => {
    const gangOf = (index: number) =>
      queue(`gang ${index}`, {
        clusterMode: 'multi-node',
        kernels: [0, 1, 2].map((kernel) => ({
          kernel: derivedId('gang', String(index), String(kernel)),
          slots: { cpu: '1' },
        })),
      });
    const nodes = Array.from({ length: 50 }, (_, index) => node(`n${index}`, 30));
    const gangs = Array.from({ length: 1000 }, (_, index) => gangOf(index));
    const log: SchedulerEvent[] = [];
    let state = emptyState();
    for (const command of [...nodes, ...gangs]) {
      const decision = decide(state, command, { nowMs: 1 });
      if (decision.ok) log.push(...decision.value.events);
    }
    for (let isMore = true; isMore; ) {
      const conclusion = conclude(state, [], 1);
      log.push(...conclusion.events);
      ({ isMore } = conclusion);
      // Whoever comes next knows only what was committed.
      state = emptyState();
      for (const event of log) fold(state, event);
    }
    const placed = log.flatMap((event) => (event.type === 'session-placed' ? [event] : []));
    assert.is(placed.length, 500);
    assert.is(new Set(placed.map(({ session }) => session)).size, 500);
    assert.ok(placed.every(({ placements }) => placements.length === 3));
    for (const { free, containers } of state.nodes.values()) {
      assert.is(containers, 30);
      assert.is(free[state.book.names.indexOf('cpu')], 0);
    }
  },
);

rules.run();

const turn = fc.array(
  fc.oneof(
    fc
      .tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 6 }))
      .map(([name, cpu]) => node(name, cpu)),
    fc
      .record({
        name: fc.integer({ min: 0, max: 40 }),
        cpu: fc.constantFrom(1, 2, 3, 7),
        user: fc.constantFrom('ann', 'bob'),
        priority: fc.constantFrom(10, 20),
        kernels: fc.constantFrom(1, 1, 3),
        startsAtMs: fc.constantFrom(undefined, undefined, 5000),
      })
      .map(({ name, cpu, user, priority, kernels, startsAtMs }) =>
        queue(`s${name}`, {
          priority,
          clusterMode: 'multi-node',
          owner: { userId: user, projectId: 'lab', domain: 'default', accessKey: user },
          kernels: Array.from({ length: kernels }, (_, kernel) => ({
            kernel: derivedId(`s${name}`, String(kernel)),
            slots: { cpu: String(cpu), mem: '1' },
          })),
          ...(startsAtMs === undefined ? {} : { startsAtMs }),
        }),
      ),
    fc.integer({ min: 0, max: 40 }).map((name) => release(`s${name}`)),
    fc
      .record({
        ordering: fc.constantFrom('fifo', 'lifo', 'drf'),
        reservation: fc.constantFrom('none', 'first-blocked'),
        strategy: fc.constantFrom('dispersed', 'concentrated', 'round-robin'),
        pendingTimeoutMs: fc.constantFrom(0, 0, 3000),
      })
      .map((changes) => policy(changes as Partial<GroupPolicy>)),
    fc.constantFrom('ann', 'bob').map(
      (key): SchedulerCommand => ({
        type: 'set-limits',
        scope: 'user',
        key,
        limits: { total: { cpu: '6' } },
      }),
    ),
  ),
  { minLength: 1, maxLength: 5 },
);

const always = suite('scheduler: passes');

always('to try those who came is the same as to go through all who wait', () => {
  const run = (turns: readonly (readonly SchedulerCommand[])[]): void => {
    const quick = emptyState();
    const whole = emptyState();
    const replayed = emptyState();
    turns.forEach((others, index) => {
      const nowMs = 1000 * (index + 1);
      const dueAtMs = schedulerAggregate.deadline(quick)?.deadlineAtMs ?? Number.POSITIVE_INFINITY;
      const alarm: SchedulerCommand = { type: 'pass-deadline', deadline: '' };
      const commands = dueAtMs <= nowMs ? [alarm, ...others] : others;
      const events = take(quick, commands, nowMs);
      touchEveryone(whole);
      assert.equal(
        shown(take(whole, commands, nowMs)).filter(isPlaced),
        shown(events).filter(isPlaced),
      );
      for (const event of events) fold(replayed, event);
      for (const { free, containers } of quick.nodes.values()) {
        assert.ok(containers >= 0);
        assert.is(free.length, quick.book.names.length);
      }
    });
    const stored = (state: SchedulerState) => JSON.parse(JSON.stringify([...serialise(state)]));
    assert.equal(stored(replayed), stored(quick));
    assert.equal(stored(stored(quick).reduce(restore, emptyState())), stored(quick));
  };
  fc.assert(fc.property(fc.array(turn, { maxLength: 20 }), run), { numRuns: 400 });
});

function isPlaced(line: string): boolean {
  return / -> | ended /.test(line);
}

always.run();
