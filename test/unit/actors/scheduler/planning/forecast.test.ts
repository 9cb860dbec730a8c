import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  comingLike,
  forecast,
  suggestionsFor,
  variantsOf,
} from '../../../../../actors/scheduler/planning/forecast.ts';
import {
  type Prediction,
  scoreOf,
} from '../../../../../actors/scheduler/planning/forecast-score.ts';
import { runForward } from '../../../../../actors/scheduler/planning/future.ts';
import type { GroupPolicy, RunningView } from '../../../../../actors/scheduler/planning/model.ts';
import { plan } from '../../../../../actors/scheduler/planning/plan.ts';
import { RunHistory } from '../../../../../actors/scheduler/planning/run-history.ts';
import { mixedDay } from './mixed-load.ts';
import { randomSituation } from './random-situation.ts';

const forecasts = suite('scheduler: forecasts');
const PASSES_MAX = 2000;
const WINDOW_MS = 6 * 3_600_000;
const SESSIONS = 600;
/**
 * A guard, not the aim of 0.8: over three days of 600 sessions, every held one predicted, 0.64 to 0.70 come true first
 * come, first served, and 0.77 to 0.78 with reservation.
 */
const WITHIN_TWICE_MIN = 0.6;

/** Predicts the start of each that is held, once, and runs the day on as it was. */
function predictionsOf(seed: number, policy: Partial<GroupPolicy>): readonly Prediction[] {
  const { from, arrivals, durationMs } = mixedDay(seed, policy, SESSIONS);
  const history = new RunHistory();
  const asked = new Map<string, Omit<Prediction, 'startedAtMs'>>();
  const known = new Set<string>();
  const predictions: Prediction[] = [];
  let running: readonly RunningView[] = [];
  runForward({
    from,
    arrivals,
    endOf: ({ session, startedAtMs }) => startedAtMs + (durationMs.get(session) ?? 0),
    passesMax: 100_000,
    watch: {
      placed: ({ session }, startedAtMs) => {
        const prediction = asked.get(session);
        if (prediction !== undefined) predictions.push({ ...prediction, startedAtMs });
        return undefined;
      },
      passed: (now) => {
        const still = new Set(now.running.map(({ session }) => session));
        for (const { session, startedAtMs, endsAtMs } of running) {
          if (still.has(session)) continue;
          const atMostMs = endsAtMs === undefined ? {} : { atMostMs: endsAtMs - startedAtMs };
          history.note({ ranMs: now.nowMs - startedAtMs, ...atMostMs });
        }
        ({ running } = now);
        for (const { session } of now.pending) {
          if (known.has(session)) continue;
          known.add(session);
          const expect = (one: RunningView, nowMs: number) => history.expect(one, nowMs);
          const found = forecast(now, session, {
            expect,
            coming: comingLike(arrivals, { nowMs: now.nowMs, windowMs: WINDOW_MS }),
            passesMax: PASSES_MAX,
          });
          if (found === undefined) continue;
          const { startsAtMs, earliestMs, latestMs } = found;
          asked.set(session, {
            askedAtMs: now.nowMs,
            predictedMs: startsAtMs,
            earliestMs,
            latestMs,
          });
        }
      },
    },
  });
  return predictions;
}

for (const [name, policy] of Object.entries<Partial<GroupPolicy>>({
  'first come, first served': { ordering: 'fifo' },
  'with reservation': { ordering: 'fifo', reservation: 'first-blocked' },
})) {
  forecasts(`${name}: 60 % of all starts of a mixed day come within twice of what was said`, () => {
    const score = scoreOf(predictionsOf(7, policy));
    assert.ok(score.count >= 50, `only ${score.count} predictions`);
    assert.ok(score.withinTwice > WITHIN_TWICE_MIN, JSON.stringify(score));
  });
}

forecasts('a score tells how many came true and how far off', () => {
  const minute = 60_000;
  const said = (predicted: number, started: number): Prediction => ({
    askedAtMs: 0,
    predictedMs: predicted * minute,
    earliestMs: (predicted * minute) / 2,
    latestMs: predicted * minute * 3,
    startedAtMs: started * minute,
  });
  const score = scoreOf([said(10, 10), said(10, 20), said(10, 21), said(10, 4)]);
  assert.equal(score, {
    count: 4,
    withinTwice: 0.5,
    withinRange: 0.75,
    errorP50Ms: 10 * minute,
    errorP95Ms: 11 * minute,
  });
  assert.is(scoreOf([]).withinTwice, 0);
  assert.is(scoreOf([said(0.1, 1)]).withinTwice, 1, 'short waits are all the same');
});

forecasts('each suggestion starts at once when it is taken', () => {
  let taken = 0;
  fc.assert(
    fc.property(randomSituation(), (situation) => {
      const { held } = plan(situation);
      for (const { session: id } of held.slice(0, 3)) {
        const session = situation.pending.find((one) => one.session === id);
        if (session === undefined) continue;
        const variants = variantsOf(situation, session);
        for (const { session: instead } of suggestionsFor(situation, session, variants)) {
          taken += 1;
          const pending = situation.pending.map((one) => (one.session === id ? instead : one));
          const { placed } = plan({ ...situation, pending });
          assert.ok(placed.some((one) => one.session === id));
        }
      }
    }),
    { numRuns: 200, seed: 4 },
  );
  assert.ok(taken > 20, `only ${taken} suggestions`);
});

forecasts('how long a session goes on is guessed from those that ran as long', () => {
  const history = new RunHistory();
  const running = (startedAtMs: number, endsAtMs?: number): RunningView => ({
    session: 'r',
    group: 'default',
    owner: { userId: 'ann', accessKey: 'ann', projectId: 'lab', domain: 'default' },
    sessionType: 'batch',
    placements: [],
    startedAtMs,
    ...(endsAtMs === undefined ? {} : { endsAtMs }),
    isPreemptible: true,
    jobPriority: 0,
  });
  assert.equal(history.expect(running(0), 100), { soonMs: 25, likelyMs: 100, lateMs: Infinity });
  assert.equal(history.expect(running(0, 500), 100), { soonMs: 0, likelyMs: 400, lateMs: 400 });
  for (let ranMs = 10; ranMs <= 200; ranMs += 10) history.note({ ranMs, atMostMs: 200 });
  assert.equal(history.expect(running(0), 100), { soonMs: 20, likelyMs: 60, lateMs: 100 });
  assert.equal(history.expect(running(0, 400), 200), { soonMs: 40, likelyMs: 120, lateMs: 200 });
});

forecasts.run();
