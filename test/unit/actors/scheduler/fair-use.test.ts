import {
  derivedId,
  type FairShare,
  known,
  type SchedulerCommand,
  type SchedulerEvent,
} from '@orrery/bus';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decide } from '../../../../actors/scheduler/decide.ts';
import {
  createFairUse,
  noteHolding,
  OWNERS_MAX,
  standingsOf,
} from '../../../../actors/scheduler/fair-use.ts';
import { fold } from '../../../../actors/scheduler/fold.ts';
import { conclude } from '../../../../actors/scheduler/pass.ts';
import { fairShareTerms } from '../../../../actors/scheduler/situation.ts';
import { emptyState, type SchedulerState } from '../../../../actors/scheduler/state.ts';
import { restore, serialise } from '../../../../actors/scheduler/stored-state.ts';

const fairUse = suite('scheduler: fair use');
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const node = (slots: Readonly<Record<string, string>>): SchedulerCommand => ({
  type: 'update-node',
  capacity: {
    node: 'n1',
    resourceGroup: 'default',
    architecture: 'x86_64',
    slots,
    isSchedulable: true,
  },
});

const fair = (fairShare: Partial<FairShare>): SchedulerCommand => ({
  type: 'set-group',
  group: 'default',
  policy: { ordering: 'fair-share', fairShare },
});

const queue = (
  name: string,
  userId: string,
  slots: Readonly<Record<string, string>> = { cpu: '1' },
): SchedulerCommand => ({
  type: 'queue',
  queued: {
    session: derivedId(name),
    attempt: 1,
    resourceGroup: 'default',
    clusterMode: 'single-node',
    priority: 10,
    owner: { userId, projectId: `of-${userId}`, domain: 'default' },
    kernels: [{ kernel: derivedId(name, 'kernel'), slots }],
  },
});

const release = (session: string): SchedulerCommand => ({ type: 'release', session, attempt: 1 });

function take(
  state: SchedulerState,
  nowMs: number,
  ...commands: readonly SchedulerCommand[]
): readonly SchedulerEvent[] {
  const events = commands.flatMap((command) => {
    const decision = decide(state, command, { nowMs });
    if (!decision.ok) throw new Error(decision.error.message);
    return decision.value.events;
  });
  return [...events, ...conclude(state, events, nowMs).events];
}

function placedIn(events: readonly SchedulerEvent[]): readonly string[] {
  return events.flatMap((event) => (event.type === 'session-placed' ? [event.session] : []));
}

function standing(state: SchedulerState, kind: string, owner: string, nowMs: number) {
  const terms = fairShareTerms(state, 'default', nowMs);
  const all = standingsOf(state.fairUse.groups.get('default'), terms);
  return known(all.find((one) => one.kind === kind && one.owner === owner));
}

fairUse('what is held is counted by slot, owner and day, also while it is held', () => {
  const state = emptyState();
  take(state, 0, node({ cpu: '4', mem: '100' }));
  take(state, 20 * HOUR_MS, queue('a', 'ann', { cpu: '2', mem: '10' }));
  const held = standing(state, 'user', 'ann', 22 * HOUR_MS);
  assert.equal(held.used, [2 * 3600 * 2000, 2 * 3600 * 10]);
  // Four hours on the first day, two on the second.
  take(state, DAY_MS + 2 * HOUR_MS, release(derivedId('a')));
  const use = state.fairUse.groups.get('default')?.get('user:ann');
  assert.equal(use?.days, [
    { day: 0, slotSeconds: [4 * 3600 * 2000, 4 * 3600 * 10] },
    { day: 1, slotSeconds: [2 * 3600 * 2000, 2 * 3600 * 10] },
  ]);
  assert.equal(use?.held, [0, 0]);
  for (const [kind, owner] of [
    ['project', 'of-ann'],
    ['domain', 'default'],
  ] as const)
    assert.equal(standing(state, kind, owner, 2 * DAY_MS).used[0], 6 * 3600 * 2000);
});

fairUse('use counts half after a half-life and not at all past the look-back', () => {
  const state = emptyState();
  take(state, 0, node({ cpu: '1' }), fair({ halfLifeDays: 2, lookbackDays: 8 }));
  take(state, 0, queue('a', 'ann'));
  take(state, HOUR_MS, release(derivedId('a')));
  const counted = (day: number) => standing(state, 'user', 'ann', day * DAY_MS).counted[0];
  assert.is(counted(0), 3600 * 1000);
  assert.is(counted(2), (3600 * 1000) / 2);
  assert.is(counted(4), (3600 * 1000) / 4);
  const later = fairShareTerms(state, 'default', 8 * DAY_MS);
  assert.equal(standingsOf(state.fairUse.groups.get('default'), later), []);
});

fairUse('a session of who used less starts before one that came earlier', () => {
  const state = emptyState();
  take(state, 0, node({ cpu: '1' }), fair({}));
  take(state, 0, queue('first', 'ann'));
  take(state, 1, queue('again', 'ann'), queue('other', 'bob'));
  const events = take(state, HOUR_MS, release(derivedId('first')));
  assert.equal(placedIn(events), [derivedId('other')]);
});

fairUse('a snapshot keeps all of it, also when slots became known meanwhile', () => {
  const state = emptyState();
  take(state, 0, node({ mem: '100' }));
  take(state, 0, queue('a', 'ann', { mem: '7' }));
  take(state, HOUR_MS, queue('b', 'bob', { mem: '3' }), release(derivedId('a')));
  // Compared before `mem`, so that every amount moves to another place.
  take(state, 2 * HOUR_MS, node({ cpu: '4', 'cuda.device': '2', mem: '100' }));
  const parts = JSON.parse(JSON.stringify([...serialise(state)])) as readonly unknown[];
  const restored = parts.reduce<SchedulerState>(restore, emptyState());
  assert.equal(restored.fairUse, state.fairUse);
  assert.equal(standing(restored, 'user', 'ann', 3 * HOUR_MS).used, [0, 0, 3600 * 7]);
  assert.equal(standing(restored, 'user', 'bob', 3 * HOUR_MS).used, [0, 0, 2 * 3600 * 3]);
});

fairUse('what a snapshot was begun of does not change while it is written', () => {
  const state = emptyState();
  take(state, 0, node({ cpu: '4' }), queue('a', 'ann'));
  const before = [...(state.fairUse.groups.get('default')?.values() ?? [])];
  const parts = serialise(state);
  take(state, HOUR_MS, release(derivedId('a')), queue('b', 'bob'));
  const owners = [...parts].flatMap((part) => ('fairUse' in part ? part.fairUse.owners : []));
  assert.equal(
    owners.map(([, use]) => use),
    before,
  );
});

fairUse('owners are remembered up to a number, those who hold something always', () => {
  const use = createFairUse();
  const change = { group: 'default', requests: [[1000]], lookbackDays: 28 } as const;
  const owner = (name: string) => ({ userId: name, projectId: 'p', domain: 'd', accessKey: '' });
  noteHolding(use, { ...change, owner: owner('keeps'), sign: 1, atMs: 0 });
  for (let index = 0; index < OWNERS_MAX; index += 1) {
    const one = { ...change, owner: owner(`u${index}`), atMs: index };
    noteHolding(use, { ...one, sign: 1 });
    noteHolding(use, { ...one, sign: -1, atMs: index + 1 });
  }
  const owners = known(use.groups.get('default'));
  assert.ok(owners.size <= OWNERS_MAX);
  assert.ok(owners.has('user:keeps'));
  assert.not(owners.has('user:u0'));
  assert.ok(owners.has(`user:u${OWNERS_MAX - 1}`));
});

fairUse('an event without its moment is counted at the newest that is known', () => {
  const state = emptyState();
  take(state, 0, node({ cpu: '4' }), queue('a', 'ann'));
  take(state, HOUR_MS, queue('b', 'bob'));
  fold(state, { type: 'allocation-released', session: derivedId('a') });
  assert.is(standing(state, 'user', 'ann', 5 * HOUR_MS).used[0], 3600 * 1000);
});

fairUse('options of fair share that make no sense are refused by their names', () => {
  const refused = (fairShare: Partial<FairShare>, field: string): void => {
    const decision = decide(emptyState(), fair(fairShare), { nowMs: 0 });
    assert.not(decision.ok);
    if (!decision.ok) assert.is(decision.error.field, field);
  };
  refused({ halfLifeDays: 1000 }, 'fairShare.halfLifeDays');
  refused({ lookbackDays: 1000 }, 'fairShare.lookbackDays');
  refused({ decayUnitDays: 29 }, 'fairShare.decayUnitDays');
  refused({ weights: { users: { ann: 1e9 } } }, 'fairShare.userWeights.ann');
});

/** Hours until the queue of everybody is never empty: what each used under these weights. */
function usedUnder(weights: Readonly<Record<string, number>>, seed: number): Map<string, number> {
  const users = Object.keys(weights);
  const state = emptyState();
  take(state, 0, node({ cpu: '6' }), fair({ weights: { users: weights } }));
  // One domain and project for all, so that only users differ.
  const ask = (name: string, userId: string): SchedulerCommand => {
    const asked = queue(name, userId);
    if (asked.type !== 'queue') return asked;
    const owner = { userId, projectId: 'lab', domain: 'default' };
    return { ...asked, queued: { ...asked.queued, owner } };
  };
  const ends = new Map<string, number>();
  let random = seed;
  let count = 0;
  const keepWaiting = (): readonly SchedulerCommand[] =>
    users.flatMap((user) => {
      const there = [...state.queue.values()].filter(({ owner }) => owner.userId === user).length;
      return Array.from({ length: Math.max(0, 6 - there) }, () => ask(`s${++count}`, user));
    });
  for (let hour = 0; hour < 20 * 24; hour += 1) {
    const nowMs = hour * HOUR_MS;
    const over = [...ends].filter(([, endMs]) => endMs <= nowMs).map(([session]) => session);
    for (const session of over) ends.delete(session);
    const events = take(state, nowMs, ...over.map(release), ...keepWaiting());
    for (const session of placedIn(events)) {
      random = (random * 1_103_515_245 + 12_345) % 2_147_483_648;
      ends.set(session, nowMs + (1 + (random % 3)) * HOUR_MS);
    }
  }
  const atMs = 20 * DAY_MS;
  return new Map(users.map((user) => [user, standing(state, 'user', user, atMs).used[0] ?? 0]));
}

fairUse('with everybody always waiting, use comes to be as the weights are', () => {
  const weight = fc.integer({ min: 1, max: 4 });
  fc.assert(
    fc.property(weight, weight, weight, fc.integer({ min: 1, max: 1e6 }), (ann, bob, cho, seed) => {
      const weights = { ann, bob, cho };
      const used = usedUnder(weights, seed);
      const all = [...used.values()].reduce((sum, amount) => sum + amount, 0);
      for (const [user, amount] of used) {
        const due = (weights[user as keyof typeof weights] ?? 0) / (ann + bob + cho);
        assert.ok(Math.abs(amount / all - due) < 0.03, `${user}: ${amount / all} for ${due}`);
      }
    }),
    { numRuns: 12, seed: 7 },
  );
});

fairUse.run();
