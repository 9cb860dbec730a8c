import type { GroupPolicy, SchedulerEvent } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fold } from '../../../../../actors/scheduler/fold.ts';
import { Recorder, type Recording } from '../../../../../actors/scheduler/replay/recording.ts';
import { type Replayed, replay } from '../../../../../actors/scheduler/replay/run.ts';
import { emptyState } from '../../../../../actors/scheduler/state.ts';
import { type DayCommit, recordDay } from './recorded-day.ts';

const what = suite('scheduler: replay');
const HOUR_MS = 3_600_000;

const POLICIES: Readonly<Record<string, Partial<GroupPolicy>>> = {
  fifo: {},
  lifo: { ordering: 'lifo', strategy: 'concentrated' },
  drf: { ordering: 'drf', strategy: 'minimum-occupied' },
  fair: { ordering: 'fair-share', strategy: 'round-robin' },
  reserving: { reservation: 'first-blocked' },
  preempting: {
    preemption: {
      isEnabled: true,
      order: 'newest',
      mode: 'reschedule',
      runtimeMinMs: 60_000,
      victimScope: 'resource-group',
    },
  },
};

function recordingOf(commits: readonly DayCommit[], fromMs: number, toMs: number): Recording {
  const state = emptyState();
  const before = commits.filter(({ recordedAtMs }) => recordedAtMs < fromMs);
  for (const { events } of before) for (const event of events) fold(state, event);
  const recorder = new Recorder(state, { fromMs, toMs });
  for (const commit of commits.slice(before.length)) recorder.take(commit);
  return recorder.recording();
}

function replayed(recording: Recording, policy?: Partial<GroupPolicy>): Replayed {
  const result = replay(recording, { group: 'default', policy });
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

function count(commits: readonly DayCommit[], type: SchedulerEvent['type']): number {
  return commits.flatMap(({ events }) => events).filter((event) => event.type === type).length;
}

what('a recorded day under its own policy gives the very same placements', () => {
  for (const [name, policy] of Object.entries(POLICIES)) {
    for (const seed of [1, 2]) {
      const commits = recordDay(seed, policy);
      for (const [from, to] of [
        [0, 30],
        [7, 19],
      ] as const) {
        const recording = recordingOf(commits, from * HOUR_MS, to * HOUR_MS);
        const { placements } = replayed(recording);
        assert.ok(placements.length > 100, `${name}: ${placements.length}`);
        assert.equal(placements, recording.placements, `${name} ${seed} from ${from} to ${to}`);
      }
    }
  }
});

what('the recorded days hold all that may happen', () => {
  const commits = Object.values(POLICIES).flatMap((policy) => recordDay(1, policy));
  for (const type of [
    'session-queued',
    'session-placed',
    'session-held',
    'session-dequeued',
    'allocation-released',
    'session-preempted',
    'session-given-up',
    'dependency-ended',
    'priority-changed',
    'limits-set',
    'group-policy-set',
    'node-capacity-changed',
    'time-looked-at',
  ] as const)
    assert.ok(count(commits, type) > 0, type);
  const preempted = commits
    .flatMap(({ events }) => events)
    .filter(({ type }) => type === 'session-preempted');
  assert.ok(preempted.some((event) => 'reason' in event && event.reason === 'preempted'));
  assert.ok(preempted.some((event) => 'reason' in event && event.reason === 'node-drained'));
});

what('other policies give other waits, utilisation, fairness and preemptions', () => {
  const recording = recordingOf(recordDay(3, {}), 0, 24 * HOUR_MS);
  const own = replayed(recording).outcome;
  const seen = new Set([JSON.stringify(own.wait)]);
  for (const policy of [POLICIES['drf'], POLICIES['fair'], POLICIES['preempting']]) {
    const { outcome } = replayed(recording, policy);
    seen.add(JSON.stringify(outcome.wait));
    assert.ok(outcome.wait.p50Ms <= outcome.wait.p95Ms);
    assert.ok(outcome.fairness > 0 && outcome.fairness <= 1);
    assert.equal(Object.keys(outcome.utilisation).sort(), [
      'cpu',
      'cuda.device',
      'mem',
      'rocm.device',
    ]);
    for (const share of Object.values(outcome.utilisation)) assert.ok(share >= 0 && share <= 1);
    assert.is(outcome.spanMs, 24 * HOUR_MS);
    assert.ok(Object.keys(outcome.waitByUser).length >= 5);
    assert.equal(Object.keys(outcome.waitBySize), ['1', '2-4']);
    // The same sessions come whatever the policy; they wait, ran, or were given up.
    assert.ok(Math.abs(outcome.wait.count - own.wait.count) < 0.15 * own.wait.count);
    if (policy === POLICIES['preempting']) assert.ok(outcome.preemptions > 0);
    else assert.is(outcome.preemptions, 0);
  }
  assert.is(seen.size, 4);
});

what('the same replay twice gives the same', () => {
  const recording = recordingOf(recordDay(4, POLICIES['fair'] ?? {}), 2 * HOUR_MS, 20 * HOUR_MS);
  for (const policy of [undefined, { ordering: 'drf' as const }])
    assert.equal(replayed(recording, policy), replayed(recording, policy));
});

what('a policy with which nothing could work is refused by its field', () => {
  const recording = recordingOf(recordDay(4, {}, 20), 0, HOUR_MS);
  const result = replay(recording, { group: 'default', policy: { allowedSessionTypes: [] } });
  assert.not(result.ok);
  if (!result.ok) assert.is(result.error.field, 'allowedSessionTypes');
});

what.run();
