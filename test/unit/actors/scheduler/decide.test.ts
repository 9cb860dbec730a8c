import {
  derivedId,
  known,
  type NodeCapacity,
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
import { emptyState, type SchedulerState } from '../../../../actors/scheduler/state.ts';
import { restore, serialise } from '../../../../actors/scheduler/stored-state.ts';

const nodeOf = (
  node: string,
  cpu: string,
  changes: Partial<NodeCapacity> = {},
): SchedulerCommand => ({
  type: 'update-node',
  capacity: {
    node,
    resourceGroup: 'default',
    architecture: 'x86_64',
    slots: { cpu, mem: '100' },
    isSchedulable: true,
    ...changes,
  },
});

const queuedOf = (
  name: string,
  cpu: string,
  changes: Partial<QueuedSession> = {},
): QueuedSession => ({
  session: derivedId(name),
  attempt: 1,
  resourceGroup: 'default',
  clusterMode: 'single-node',
  priority: 10,
  owner: { userId: 'u', projectId: 'default', domain: 'default' },
  kernels: [{ kernel: derivedId(name, 'kernel'), slots: { cpu, mem: '1' } }],
  ...changes,
});

const queue = (
  name: string,
  cpu: string,
  changes: Partial<QueuedSession> = {},
): SchedulerCommand => ({
  type: 'queue',
  queued: queuedOf(name, cpu, changes),
});

const release = (name: string, attempt = 1): SchedulerCommand => ({
  type: 'release',
  session: derivedId(name),
  attempt,
});

function schedulerAfter(...commands: readonly SchedulerCommand[]) {
  const state = emptyState();
  const events = commands.flatMap((command) => decided(state, command));
  return { state, events };
}

function decided(
  state: SchedulerState,
  command: SchedulerCommand,
  nowMs = 0,
): readonly SchedulerEvent[] {
  const decision = decide(state, command, { nowMs });
  if (!decision.ok) throw new Error(decision.error.code);
  const { events } = decision.value;
  return events.length === 0 ? events : [...events, ...conclude(state, events, nowMs).events];
}

const placesOf = (events: readonly SchedulerEvent[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    events.flatMap((event) =>
      event.type === 'session-placed' ? [[event.session, event.placements[0]?.node ?? '']] : [],
    ),
  );

const placing = suite('scheduler: placing');

const late = suite('scheduler: what a node said comes late');

late('an older word of a node changes nothing, and the newest counts when told again', () => {
  const { state } = schedulerAfter(
    nodeOf('a', '4', { revision: 1 }),
    nodeOf('a', '4', { revision: 3, isSchedulable: false }),
  );
  assert.equal(decided(state, nodeOf('a', '4', { revision: 1 })), []);
  assert.equal(decided(state, nodeOf('a', '8', { revision: 2 })), []);
  assert.equal(decided(state, nodeOf('a', '4', { revision: 3, isSchedulable: false })), []);
  assert.is(state.nodes.get('a')?.isSchedulable, false);
  assert.is(decided(state, nodeOf('a', '4', { revision: 4 }))[0]?.type, 'node-capacity-changed');
});

late('a drain that was taken back since moves nobody', () => {
  const { state } = schedulerAfter(nodeOf('a', '4', { revision: 3 }), queue('first', '1'));
  const evict = { type: 'evict', node: 'a', mode: 'terminate' } as const;
  assert.equal(decided(state, { ...evict, revision: 2 }), []);
  assert.is(decided(state, { ...evict, revision: 3 })[0]?.type, 'session-preempted');
});

late('nobody takes the room of who is moved before the node says that it is closed', () => {
  const { state } = schedulerAfter(
    nodeOf('a', '1', { revision: 2 }),
    queue('first', '1'),
    queue('second', '1'),
  );
  decided(state, { type: 'evict', node: 'a', mode: 'terminate', revision: 3 });
  assert.not(decided(state, release('first')).some(({ type }) => type === 'session-placed'));
  assert.is(state.nodes.get('a')?.isSchedulable, false);
  assert.equal(decided(state, nodeOf('a', '1', { revision: 3, isSchedulable: false })), []);
  const open = decided(state, nodeOf('a', '1', { revision: 4 }));
  assert.ok(open.some(({ type }) => type === 'session-placed'));
});

late.run();

placing('a session that fits is placed in the commit that queued it', () => {
  const { events } = schedulerAfter(nodeOf('a', '2'), queue('s', '1'));
  assert.equal(
    events.map(({ type }) => type),
    ['node-joined', 'session-queued', 'session-placed'],
  );
});

placing('the node with most left is taken', () => {
  const { events } = schedulerAfter(nodeOf('a', '2'), nodeOf('b', '4'), queue('s', '1'));
  assert.equal(placesOf(events), { [derivedId('s')]: 'b' });
});

placing('a node with slots that nobody asked for is left to others', () => {
  const gpus = { slots: { cpu: '64', mem: '1000', 'cuda.device': '8' } };
  const { events } = schedulerAfter(
    nodeOf('gpu', '64', gpus),
    nodeOf('plain', '2'),
    queue('s', '1'),
  );
  assert.equal(placesOf(events), { [derivedId('s')]: 'plain' });
});

placing('one that does not fit holds up nobody behind it, and says what is missing', () => {
  const { events } = schedulerAfter(
    nodeOf('a', '2'),
    queue('first', '1.5'),
    queue('large', '1'),
    queue('small', '0.5'),
  );
  assert.equal(Object.keys(placesOf(events)), [derivedId('first'), derivedId('small')]);
  const held = events.find(({ type }) => type === 'session-held');
  assert.equal(held?.type === 'session-held' && held.reason.missing, { cpu: '0.5' });
});

placing('what can never fit is told so', () => {
  const { events } = schedulerAfter(nodeOf('a', '2'), queue('huge', '3'));
  const held = events.at(-1);
  assert.is(held?.type === 'session-held' && held.reason.code, 'never-fits');
});

placing('freed slots go to the one that waited, urgent ones first', () => {
  const { state } = schedulerAfter(
    nodeOf('a', '1'),
    queue('runs', '1'),
    queue('waits', '1'),
    queue('urgent', '1', { priority: 90 }),
  );
  assert.equal(Object.keys(placesOf(decided(state, release('runs')))), [derivedId('urgent')]);
});

placing('a node that may not be scheduled, of another group or architecture gets nothing', () => {
  const refused = [
    nodeOf('a', '9', { isSchedulable: false }),
    nodeOf('b', '9', { resourceGroup: 'other' }),
    nodeOf('c', '9', { architecture: 'aarch64' }),
  ];
  const { events } = schedulerAfter(...refused, queue('s', '1', { architecture: 'x86_64' }));
  assert.equal(placesOf(events), {});
});

placing('all kernels of a session are placed or none', () => {
  const kernels = ['k1', 'k2', 'k3'].map((name) => ({
    kernel: derivedId(name),
    slots: { cpu: '1', mem: '1' },
  }));
  const gang = { kernels, clusterMode: 'multi-node' as const };
  const { state, events } = schedulerAfter(
    nodeOf('a', '1'),
    nodeOf('b', '1'),
    queue('gang', '1', gang),
  );
  assert.equal(placesOf(events), {});
  const [placed] = decided(state, nodeOf('c', '1')).filter(({ type }) => type === 'session-placed');
  assert.equal(
    placed?.type === 'session-placed' && placed.placements.map(({ node }) => node).sort(),
    ['a', 'b', 'c'],
  );
});

placing('who wants what did not fit in the same pass is held for the same reason', () => {
  const { state, events } = schedulerAfter(nodeOf('a', '2'), queue('x', '4'), queue('y', '4'));
  const reasons = events.flatMap((event) => (event.type === 'session-held' ? [event.reason] : []));
  assert.is(reasons.length, 2);
  const [x, y] = [...state.queue.values()];
  assert.ok(x && y && x.wish === y.wish && x.said?.reason === y.said?.reason);
  assert.ok(x?.owner === y?.owner);
});

placing('a reason is told anew when something else is lacking, not when it is more or less', () => {
  const { state } = schedulerAfter(nodeOf('a', '4'), queue('runs', '1'), queue('waits', '4'));
  const heldBy = (command: SchedulerCommand, nowMs = 60_000) =>
    decided(state, command, nowMs).filter(({ type }) => type === 'session-held').length;
  assert.is(heldBy(queue('runs-too', '1')), 0);
  assert.is(heldBy(release('runs-too')), 0);
  assert.is(heldBy(nodeOf('a', '3')), 1);
});

placing('a reason that changes again within half a minute is told when that is over', () => {
  const { state } = schedulerAfter(nodeOf('a', '4'), queue('runs', '1'), queue('waits', '4'));
  const heldBy = (command: SchedulerCommand, nowMs: number) =>
    decided(state, command, nowMs).filter(({ type }) => type === 'session-held').length;
  assert.is(heldBy(nodeOf('a', '3'), 10_000), 0);
  assert.is(schedulerAggregate.deadline(state)?.deadlineAtMs, 30_000);
  assert.is(heldBy({ type: 'pass-deadline', deadline: '' }, 30_000), 1);
  // Only whether those who hold slots are over is asked then.
  assert.is(schedulerAggregate.deadline(state)?.deadlineAtMs, 600_000);
});

placing.run();

const repeating = suite('scheduler: repeated and late commands');

repeating('asking again for what is placed is answered again and changes nothing', () => {
  const { state } = schedulerAfter(nodeOf('a', '2'), queue('s', '1'));
  const decision = decide(state, queue('s', '1'), { nowMs: 0 });
  assert.equal(decision.ok && decision.value.events, []);
  assert.equal(decision.ok && decision.value.effects?.map(({ type }) => type), ['tellPlacement']);
});

repeating('a release of an attempt that is past leaves the newer one alone', () => {
  const { state } = schedulerAfter(
    nodeOf('a', '2'),
    queue('s', '1'),
    queue('s', '1', { attempt: 2 }),
  );
  assert.equal(decided(state, release('s', 1)), []);
  assert.is(state.allocations.size, 1);
});

repeating('a newer attempt frees what the older one held', () => {
  const { state, events } = schedulerAfter(
    nodeOf('a', '1'),
    queue('s', '1'),
    queue('s', '1', { attempt: 2 }),
  );
  assert.ok(events.some(({ type }) => type === 'allocation-released'));
  assert.is(state.allocations.get(derivedId('s'))?.attempt, 2);
});

repeating('a hold is written when its reason changes only', () => {
  const { state } = schedulerAfter(nodeOf('a', '1'), queue('runs', '1'), queue('waits', '1'));
  const events = [...decided(state, queue('other', '9')), ...decided(state, release('other'))];
  const held = events.filter(
    (event) => event.type === 'session-held' && event.session === derivedId('waits'),
  );
  assert.equal(held, []);
});

repeating.run();

/** As it comes back from where it was kept. */
function stored(state: SchedulerState): readonly unknown[] {
  return JSON.parse(JSON.stringify([...serialise(state)]));
}

const always = suite('scheduler: always');
const anyCommand = fc.oneof(
  fc
    .tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 4 }), fc.boolean())
    .map(([node, cpu, isSchedulable]) => nodeOf(node, String(cpu), { isSchedulable })),
  fc
    .tuple(
      fc.constantFrom('s', 't', 'u', 'v', 'w'),
      fc.constantFrom('0.5', '1', '2.125'),
      fc.integer({ min: 1, max: 3 }),
    )
    .map(([name, cpu, attempt]) => queue(name, cpu, { attempt })),
  fc
    .tuple(fc.constantFrom('s', 't', 'u', 'v', 'w'), fc.integer({ min: 1, max: 3 }))
    .map(([name, attempt]) => release(name, attempt)),
);

always(
  'a placement never exceeds what its node had left, and a replay gives the same state',
  () => {
    const run = (commands: readonly SchedulerCommand[]): void => {
      const state = emptyState();
      const replayed = emptyState();
      for (const command of commands) {
        for (const event of decided(state, command)) {
          fold(replayed, event);
          if (event.type !== 'session-placed') continue;
          for (const { node } of event.placements) {
            const free = known(replayed.nodes.get(node)).free;
            assert.ok(
              Object.values(free).every((amount) => amount >= 0n),
              `${node} is overcommitted`,
            );
          }
        }
      }
      assert.equal(stored(replayed), stored(state));
      assert.equal(stored(stored(state).reduce(restore, emptyState())), stored(state));
    };
    fc.assert(fc.property(fc.array(anyCommand, { maxLength: 40 }), run), { numRuns: 300 });
  },
);

always.run();
