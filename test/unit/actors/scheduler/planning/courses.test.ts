import { DEFAULT_FAIR_SHARE } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DayUsage, factorOf } from '../../../../../actors/scheduler/planning/fair-share.ts';
import { runForward } from '../../../../../actors/scheduler/planning/future.ts';
import {
  DEFAULT_GROUP_POLICY,
  type GroupPolicy,
  type PendingView,
  type Situation,
} from '../../../../../actors/scheduler/planning/model.ts';
import { plan } from '../../../../../actors/scheduler/planning/plan.ts';

const courses = suite('scheduler: what holds over time');
const NOBODY = {
  keypairs: new Map(),
  users: new Map(),
  projects: new Map(),
  domains: new Map(),
};

function situation(
  nodes: readonly (readonly number[])[],
  policy: Partial<GroupPolicy> = {},
): Situation {
  return {
    nowMs: 0,
    slots: ['cpu', 'mem'],
    nodes: nodes.map((total, turn) => ({
      name: `n${turn}`,
      group: 'default',
      architecture: 'x86_64',
      isSchedulable: true,
      total,
      free: total,
      containers: 0,
      turn,
    })),
    pending: [],
    running: [],
    groups: { default: { ...DEFAULT_GROUP_POLICY, ...policy } },
    limits: NOBODY,
    usage: new Map(),
  };
}

interface Asked {
  readonly user?: string;
  readonly requests: readonly (readonly number[])[];
  readonly runsAtMostMs?: number;
  readonly jobPriority?: number;
}

function waiting(
  session: string,
  { user = 'ann', requests, runsAtMostMs, jobPriority = 0 }: Asked,
): PendingView {
  return {
    session,
    name: session,
    attempt: 1,
    queuedAtMs: 0,
    priority: 10,
    sessionType: 'batch',
    group: 'default',
    clusterMode: requests.length > 1 ? 'multi-node' : 'single-node',
    owner: { userId: user, accessKey: user, projectId: 'lab', domain: 'default' },
    kernels: requests.map((request, index) => ({ kernel: `${session}/${index}`, request })),
    dependencies: [],
    failedOn: [],
    jobPriority,
    ...(runsAtMostMs === undefined ? {} : { runsAtMostMs }),
  };
}

/** A gang for both nodes among single cores that keep coming, a minute each. @returns when the gang starts. */
function gangStartMs(
  reservation: GroupPolicy['reservation'],
  runsAtMostMs?: number,
): number | undefined {
  const small = Array.from({ length: 720 }, (_, index) => ({
    atMs: 5000 * index,
    session: waiting(`s${index}`, {
      requests: [[1000, 1]],
      ...(runsAtMostMs === undefined ? {} : { runsAtMostMs }),
    }),
  }));
  const gang = {
    atMs: 62_000,
    session: waiting('gang', {
      requests: [
        [4000, 1],
        [4000, 1],
      ],
    }),
  };
  let startMs: number | undefined;
  runForward({
    from: situation(
      [
        [4000, 100],
        [4000, 100],
      ],
      { reservation },
    ),
    arrivals: [...small, gang].toSorted((left, right) => left.atMs - right.atMs),
    endOf: ({ startedAtMs }) => startedAtMs + 60_000,
    passesMax: 100_000,
    watch: {
      placed: ({ session }, atMs) => {
        if (session !== 'gang') return undefined;
        startMs = atMs;
        return false;
      },
    },
  });
  return startMs;
}

courses('without reservation a gang starves while small sessions keep coming', () => {
  assert.ok((gangStartMs('none') ?? Infinity) > 3_600_000);
});

courses('with reservation a gang starts as soon as what ran before it has ended', () => {
  for (const runsAtMostMs of [undefined, 60_000, 90_000, 600_000]) {
    const startMs = gangStartMs('first-blocked', runsAtMostMs);
    // Who was let past it ran within the time that was known then.
    assert.ok((startMs ?? Infinity) <= 62_000 + 2 * 60_000, `${runsAtMostMs}: ${startMs}`);
  }
});

courses('fair share: over days use comes to be as the weights are', () => {
  const HOUR_S = 3600;
  const weights = new Map([
    ['ann', 1],
    ['bob', 3],
  ]);
  const used = new Map<string, number[]>([...weights.keys()].map((user) => [user, []]));
  const base = situation([[4000, 4000]], { ordering: 'fair-share' });
  const capacity = [4000, 4000];
  const days = 28;
  for (let hour = 0; hour < days * 24; hour += 1) {
    const day = Math.floor(hour / 24);
    const factors = [...weights].map(([user, weight]): [string, number] => {
      const usage = (used.get(user) ?? []).map((slotSeconds, index): DayUsage => {
        return { daysAgo: day - index, slotSeconds: [slotSeconds, slotSeconds] };
      });
      const circumstances = { spec: DEFAULT_FAIR_SHARE, slots: base.slots, capacity };
      return [`user:${user}`, factorOf(usage, weight, circumstances)];
    });
    const pending = [...weights.keys()].flatMap((user) =>
      [0, 1, 2, 3].map((n) => waiting(`${user}${n}`, { user, requests: [[1000, 1000]] })),
    );
    const seen = { ...base, pending, factors: new Map([['default', new Map(factors)]]) };
    for (const { session } of plan(seen).placed) {
      const byDay = used.get(session.slice(0, 3)) ?? [];
      byDay[day] = (byDay[day] ?? 0) + 1000 * HOUR_S;
    }
    for (const byDay of used.values()) byDay[day] ??= 0;
  }
  const total = (user: string): number =>
    (used.get(user) ?? []).reduce((sum, amount) => sum + amount, 0);
  const ratio = total('bob') / total('ann');
  assert.ok(Math.abs(ratio - 3) < 0.3, `three to one, but it was ${ratio}`);
});

courses('fair share: who weighs nothing comes last once it has used anything', () => {
  const circumstances = { spec: DEFAULT_FAIR_SHARE, slots: ['cpu'], capacity: [1000] };
  const usage = [{ daysAgo: 0, slotSeconds: [1] }];
  assert.is(factorOf([], 0, circumstances), 1);
  assert.is(factorOf(usage, 0, circumstances), 2 ** -10);
});

courses('dominant shares end up even, whatever each asks most of', () => {
  const users = { ann: [1000, 4], bob: [3000, 1] };
  const pending = Object.entries(users).flatMap(([user, request]) =>
    Array.from({ length: 20 }, (_, n) => waiting(`${user}${n}`, { user, requests: [request] })),
  );
  const { placed } = plan({ ...situation([[9000, 18]], { ordering: 'drf' }), pending });
  const count = (user: string): number =>
    placed.filter(({ session }) => session.startsWith(user)).length;
  // The example of the paper on dominant resource fairness: 9 cores, 18 GB.
  assert.equal([count('ann'), count('bob')], [3, 2]);
});

courses('a session preempted in mode reschedule waits again and runs later', () => {
  const starts: string[] = [];
  runForward({
    from: situation([[4000, 4]], {
      preemption: { ...DEFAULT_GROUP_POLICY.preemption, isEnabled: true, mode: 'reschedule' },
    }),
    arrivals: [
      { atMs: 0, session: waiting('low', { requests: [[4000, 1]] }) },
      { atMs: 1000, session: waiting('high', { requests: [[4000, 1]], jobPriority: 5 }) },
    ],
    endOf: ({ startedAtMs }) => startedAtMs + 10_000,
    passesMax: 100,
    watch: {
      placed: ({ session }, atMs) => {
        starts.push(`${session} at ${atMs}`);
        return undefined;
      },
    },
  });
  assert.equal(starts, ['low at 0', 'high at 1000', 'low at 11000']);
});

courses('a session preempted in mode terminate does not come back', () => {
  const starts: string[] = [];
  runForward({
    from: situation([[4000, 4]], {
      preemption: { ...DEFAULT_GROUP_POLICY.preemption, isEnabled: true },
    }),
    arrivals: [
      { atMs: 0, session: waiting('low', { requests: [[4000, 1]] }) },
      { atMs: 1000, session: waiting('high', { requests: [[4000, 1]], jobPriority: 5 }) },
    ],
    endOf: ({ startedAtMs }) => startedAtMs + 10_000,
    passesMax: 100,
    watch: {
      placed: ({ session }, atMs) => {
        starts.push(`${session} at ${atMs}`);
        return undefined;
      },
    },
  });
  assert.equal(starts, ['low at 0', 'high at 1000']);
});

courses.run();
