import { forecast } from '../../../../../actors/scheduler/planning/forecast.ts';
import type { Prediction } from '../../../../../actors/scheduler/planning/forecast-score.ts';
import { runForward } from '../../../../../actors/scheduler/planning/future.ts';
import type {
  GroupPolicy,
  RunningView,
  Situation,
} from '../../../../../actors/scheduler/planning/model.ts';
import { plan } from '../../../../../actors/scheduler/planning/plan.ts';
import { RunHistory } from '../../../../../actors/scheduler/planning/run-history.ts';
import { mixedDay } from './mixed-load.ts';

const SESSIONS = 600;
/** As the scheduler allows it. */
const WORK_MAX = 60_000;

interface ForetoldDay {
  /** For how many a start was asked. */
  readonly asked: number;
  readonly predictions: readonly Prediction[];
}

interface Asked {
  /** Default: the mixed day. */
  readonly day?: typeof mixedDay;
  readonly seed: number;
  readonly policy: Partial<GroupPolicy>;
  /** Of those that have to wait each n-th is foretold: all are much work. */
  readonly eachOf: number;
}

/**
 * Foretells the start of sessions of a day once, when it is first seen that they have to wait, from nothing but what
 * the scheduler has seen until then; the day goes on as it was.
 */
export function foretoldDay({ day = mixedDay, seed, policy, eachOf }: Asked): ForetoldDay {
  const { from, arrivals, durationMs } = day(seed, policy, SESSIONS);
  const history = new RunHistory();
  const open = new Map<string, Omit<Prediction, 'startedAtMs'>>();
  const known = new Set<string>();
  const predictions: Prediction[] = [];
  let asked = 0;
  let running: readonly RunningView[] = [];
  const foretell = (now: Situation, session: string): void => {
    const found = forecast(now, session, {
      order: plan(now).held.map((one) => one.session),
      leftOf: history.leftOf(),
      recent: arrivals.filter(({ atMs }) => atMs <= now.nowMs),
      workMax: WORK_MAX,
    });
    if (found === undefined) throw new Error(`nothing is foretold of ${session}`);
    asked += 1;
    const { startsAtMs: predictedMs, earliestMs, latestMs } = found;
    open.set(session, { askedAtMs: now.nowMs, predictedMs, earliestMs, latestMs });
  };
  runForward({
    from,
    arrivals,
    endOf: ({ session, startedAtMs }) => startedAtMs + (durationMs.get(session) ?? 0),
    passesMax: 100_000,
    watch: {
      placed: ({ session }, startedAtMs) => {
        const prediction = open.get(session);
        if (prediction !== undefined) predictions.push({ ...prediction, startedAtMs });
        return undefined;
      },
      passed: (now) => {
        const still = new Set(now.running.map(({ session }) => session));
        for (const one of running)
          if (!still.has(one.session)) history.note(endedAt(one, now.nowMs));
        ({ running } = now);
        for (const { session } of now.pending) {
          if (known.has(session)) continue;
          known.add(session);
          if (known.size % eachOf === 0) foretell(now, session);
        }
      },
    },
  });
  return { asked, predictions };
}

function endedAt(one: RunningView, nowMs: number) {
  const { startedAtMs, endsAtMs, owner, sessionType } = one;
  const atMostMs = endsAtMs === undefined ? undefined : endsAtMs - startedAtMs;
  const kind = { user: owner.userId, sessionType, image: one.image, group: one.group };
  return { ranMs: nowMs - startedAtMs, atMostMs, ...kind };
}
