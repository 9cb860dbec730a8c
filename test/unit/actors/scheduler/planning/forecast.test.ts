import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { comingLike } from '../../../../../actors/scheduler/planning/coming.ts';
import { forecast } from '../../../../../actors/scheduler/planning/forecast.ts';
import {
  type Prediction,
  scoreOf,
} from '../../../../../actors/scheduler/planning/forecast-score.ts';
import type {
  PendingView,
  RunningView,
  Situation,
} from '../../../../../actors/scheduler/planning/model.ts';
import { plan } from '../../../../../actors/scheduler/planning/plan.ts';
import { RunHistory } from '../../../../../actors/scheduler/planning/run-history.ts';
import {
  suggestionsFor,
  variantsOf,
} from '../../../../../actors/scheduler/planning/suggestions.ts';
import { mixedDay } from './mixed-load.ts';
import { randomSituation } from './random-situation.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const forecasts = suite('scheduler: forecasts');

forecasts('a score tells how many came true and how far off', () => {
  const said = (predicted: number, started: number): Prediction => ({
    askedAtMs: 0,
    predictedMs: predicted * MINUTE_MS,
    earliestMs: (predicted * MINUTE_MS) / 2,
    latestMs: predicted * MINUTE_MS * 3,
    startedAtMs: started * MINUTE_MS,
  });
  const score = scoreOf([said(10, 10), said(10, 20), said(10, 21), said(10, 4)]);
  assert.equal(score, {
    count: 4,
    withinTwice: 0.5,
    withinRange: 0.75,
    errorP50Ms: 10 * MINUTE_MS,
    errorP95Ms: 11 * MINUTE_MS,
  });
  assert.is(scoreOf([]).withinTwice, 0);
  assert.is(scoreOf([said(0.1, 1)]).withinTwice, 1, 'short waits are all the same');
});

forecasts('each suggestion starts at once when it is taken', () => {
  let taken = 0;
  fc.assert(
    fc.property(randomSituation(), (situation) => {
      const { held } = plan(situation);
      const { placed: now } = plan(situation);
      const started = new Set(now.map(({ session }) => session));
      for (const { session: id } of held.slice(0, 3)) {
        const session = situation.pending.find((one) => one.session === id);
        if (session === undefined) continue;
        const kinds = variantsOf(situation, session);
        for (const { session: instead } of suggestionsFor(situation, session, { kinds })) {
          taken += 1;
          const come = { ...instead, attempt: 1, queuedAtMs: situation.nowMs };
          const others = situation.pending.filter((one) => one.session !== id);
          const { placed } = plan({ ...situation, pending: [...others, come] });
          assert.ok(placed.some((one) => one.session === id) || started.size > 0);
        }
      }
    }),
    { numRuns: 200, seed: 4 },
  );
  assert.ok(taken > 20, `only ${taken} suggestions`);
});

const running = (startedAtMs: number, endsAtMs?: number, user = 'ann'): RunningView => ({
  session: 'r',
  group: 'default',
  owner: { userId: user, accessKey: user, projectId: 'lab', domain: 'default' },
  sessionType: 'batch',
  placements: [],
  startedAtMs,
  ...(endsAtMs === undefined ? {} : { endsAtMs }),
  isPreemptible: true,
  jobPriority: 0,
});

forecasts('how long a session goes on is guessed from those that ran as long', () => {
  const nothing = new RunHistory().leftOf();
  assert.is(nothing(running(0, 500), 100, 0), 200, 'of what is left at least half is used');
  assert.is(nothing(running(0, 500), 100, 1), 400);
  assert.is(nothing(running(0), HOUR_MS, 0.5), HOUR_MS + 10 * MINUTE_MS, 'as long again');
  const history = new RunHistory();
  for (let ranMs = 10; ranMs <= 200; ranMs += 10)
    history.note({ ranMs, atMostMs: 200, user: 'ann', sessionType: 'batch' });
  const leftOf = history.leftOf();
  assert.equal(
    [0, 0.5, 0.99].map((chance) => leftOf(running(0), 100, chance)),
    [10, 60, 100],
  );
  assert.equal(
    [0, 0.5, 0.99].map((chance) => leftOf(running(0, 400), 200, chance)),
    [20, 120, 200],
  );
});

forecasts('a user whose sessions run long is told apart from one whose do not', () => {
  const history = new RunHistory();
  for (let index = 0; index < 60; index += 1) {
    history.note({ ranMs: HOUR_MS, user: 'slow', sessionType: 'batch' });
    history.note({ ranMs: MINUTE_MS, user: 'quick', sessionType: 'batch' });
  }
  const leftOf = history.leftOf();
  assert.is(leftOf(running(0, undefined, 'slow'), 0, 0.5), HOUR_MS);
  assert.is(leftOf(running(0, undefined, 'quick'), 0, 0.5), MINUTE_MS);
});

forecasts(
  'who runs the same work again is judged by it, and others by those with such limits',
  () => {
    const history = new RunHistory();
    for (let index = 0; index < 30; index += 1) {
      const ended = { atMostMs: HOUR_MS, sessionType: 'batch' as const };
      history.note({ ...ended, ranMs: HOUR_MS / 2, user: 'careful' });
      history.note({ ...ended, ranMs: HOUR_MS - index, user: 'tight' });
      history.note({ ...ended, ranMs: MINUTE_MS, atMostMs: 2 * MINUTE_MS, user: `other ${index}` });
    }
    const leftOf = history.leftOf();
    assert.is(leftOf(running(0, HOUR_MS, 'careful'), 0, 0.5), HOUR_MS / 2);
    assert.ok(leftOf(running(0, HOUR_MS, 'tight'), 0, 0.5) > 0.99 * HOUR_MS);
    assert.is(
      leftOf(running(0, 2 * MINUTE_MS, 'new'), 0, 0.5),
      MINUTE_MS,
      'as others with that limit',
    );
    const further = leftOf(running(0, HOUR_MS, 'careful'), 0.6 * HOUR_MS, 0.5);
    assert.ok(
      further > 0.39 * HOUR_MS,
      'longer than its like ever ran: as those of others that did',
    );
  },
);

forecasts('what was told to end is expected to be gone soon', () => {
  const ending = { ...running(0, HOUR_MS), isEnding: true };
  assert.ok(new RunHistory().leftOf()(ending, 1000, 1) <= MINUTE_MS);
});

forecasts('those that will come are like those that came, and as many an hour', () => {
  const { arrivals } = mixedDay(3);
  const nowMs = 12 * HOUR_MS;
  const coming = comingLike(arrivals, { nowMs, seed: 'x' });
  assert.ok(coming.every(({ atMs }) => atMs >= nowMs));
  const anHour = coming.filter(({ atMs }) => atMs < nowMs + 6 * HOUR_MS).length / 6;
  assert.ok(anHour > 12 && anHour < 22, `${anHour} come an hour, 16.7 did`);
  assert.equal(comingLike(arrivals, { nowMs, seed: 'x' }), coming, 'the same seed, the same');
  assert.equal(comingLike([], { nowMs, seed: 'x' }), []);
});

/** One agent of four cores that a session holds until then, and others that wait for all of it. */
function crowded(waiting: number, nodes = 1): Situation {
  const { from } = mixedDay(1);
  const [first] = from.nodes;
  const [one] = mixedDay(1).arrivals;
  if (first === undefined || one === undefined) throw new Error('a day has agents and sessions');
  const request = [0, 4000, 0];
  const total = [0, 4000, 0];
  const all = Array.from({ length: nodes }, (_, index) => ({
    ...first,
    name: `n${index}`,
    total,
    free: [0, 0, 0],
  }));
  return {
    ...from,
    nodes: all,
    running: all.map(({ name }) => ({
      ...running(-10 * MINUTE_MS, 10 * MINUTE_MS),
      session: `on ${name}`,
      placements: [{ node: name, request }],
    })),
    pending: Array.from(
      { length: waiting },
      (_, index): PendingView => ({
        ...one.session,
        session: `w${index}`,
        clusterMode: 'single-node',
        priority: 10,
        kernels: [{ kernel: `w${index}/k`, request }],
        runsAtMostMs: 20 * MINUTE_MS,
      }),
    ),
  };
}

const orderOf = ({ pending }: Situation): readonly string[] =>
  pending.map(({ session }) => session);

forecasts(
  'a long queue is looked at in part, and its last is foretold from how its first go on',
  () => {
    const situation = crowded(2000);
    let looks = 0;
    const found = forecast(situation, 'w1999', {
      order: orderOf(situation),
      leftOf: new RunHistory().leftOf(),
      workMax: 40_000,
      onWork: (some) => {
        looks += some;
      },
    });
    const hours = ((found?.startsAtMs ?? 0) - situation.nowMs) / HOUR_MS;
    // 2000 sessions of 10 to 20 minutes, one after the other.
    assert.ok(hours > 330 && hours < 670, `${hours} h`);
    assert.ok(looks < 100_000, `${looks} looks`);
  },
);

forecasts('of many agents a part is looked at, which gives the same answer', () => {
  const situation = crowded(2000, 1000);
  let looks = 0;
  const found = forecast(situation, 'w1999', {
    order: orderOf(situation),
    leftOf: new RunHistory().leftOf(),
    workMax: 40_000,
    onWork: (some) => {
      looks += some;
    },
  });
  const minutes = ((found?.startsAtMs ?? 0) - situation.nowMs) / MINUTE_MS;
  // Two rounds of sessions: the one that runs and another.
  assert.ok(minutes > 15 && minutes < 40, `${minutes} min`);
  assert.ok(looks < 100_000, `${looks} looks`);
});

forecasts.run();
