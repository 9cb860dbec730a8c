import {
  err,
  ok,
  type Rejection,
  type Result,
  type SchedulerEvent,
  type StartForecast,
  type StartSuggestion,
} from '@orrery/bus';
import type { GroupState } from './group-state.ts';
import { GroupCluster } from './planning/cluster.ts';
import { type Forecast, forecast } from './planning/forecast.ts';
import type { Arrival } from './planning/future.ts';
import type { Hold, PendingView, Situation } from './planning/model.ts';
import { orderOf } from './planning/order.ts';
import { plainOf } from './planning/plain.ts';
import { plan } from './planning/plan.ts';
import { type Suggestion, suggestionsFor, variantsOf } from './planning/suggestions.ts';
import { reasonFrom } from './reasons.ts';
import { policyOf, situationOf } from './situation.ts';
import type { SchedulerState } from './state.ts';
import { pendingLike, type WaitingSession } from './waiting-session.ts';

/** What was told of a session holds so long: whoever asks meanwhile is told the same. */
export const ASKED_AGAIN_MS = 10_000;

/**
 * Nodes and sessions that are looked at for one forecast, over all its passes: about a tenth of a second, however
 * many wait.
 */
const WORK_MAX = 60_000;
/** Of its time the scheduler gives at most a fifth to forecasts: after one it rests this long for each look. */
const REST_MS_PER_LOOK = 0.012;

/** Those first in the queue, with whom a session is tried: who comes after them gets no room before it. */
const FIRST_MAX = 32;
/** Of the same key pair, whose limits may hold it. */
const SAME_KEY_MAX = 200;
/** A group in which more wait is no place to go to. */
const WAITING_ELSEWHERE_MAX = 200;

type Foretold = Result<readonly SchedulerEvent[], Rejection>;

/**
 * When a session that waits is expected to start, why it waits now, and what would start it at once. Nothing when it
 * does not wait or was asked for a moment ago; refused while the scheduler rests from the forecast before.
 */
export function foretell(state: SchedulerState, session: string, nowMs: number): Foretold {
  const waiting = state.queue.get(session);
  const group = waiting && state.groups.get(waiting.group);
  if (waiting === undefined || group === undefined) return ok([]);
  const askedAtMs = state.experience.lastAskedAtMs(session);
  if (askedAtMs !== undefined && nowMs < askedAtMs + ASKED_AGAIN_MS) return ok([]);
  if (nowMs < state.foretellsAgainAtMs) return busy(state.foretellsAgainAtMs - nowMs);
  const meter = { looks: 0 };
  const queue = queueOf(state, group, nowMs);
  const hold = holdOf(queue, waiting);
  const reason = hold && reasonFrom(state, hold);
  const told: StartForecast = {
    atMs: nowMs,
    waiting: Math.max(1, queue.order.length),
    ...startOf(state, { queue, waiting, hold, meter }),
    suggestions: [...suggested(state, { queue, waiting, meter })],
    ...scored(state, group),
  };
  state.foretellsAgainAtMs = nowMs + Math.ceil(meter.looks * REST_MS_PER_LOOK);
  return ok([
    {
      type: 'start-foretold',
      session,
      ...(reason === undefined ? {} : { reason }),
      forecast: told,
    },
  ]);
}

function busy(retryAfterMs: number): Foretold {
  const message = 'the scheduler has just made a forecast and first places who can be placed';
  return err({
    code: 'forecast-busy',
    message,
    details: { retryAfterMs: Math.ceil(retryAfterMs) },
  });
}

function scored(
  { experience }: SchedulerState,
  { name }: GroupState,
): Pick<StartForecast, 'score'> {
  const score = experience.scoreOf(name);
  return score === undefined ? {} : { score };
}

/** Counts nodes and sessions that were looked at. */
interface Meter {
  looks: number;
}

/** Who waits in a group. */
interface Queue {
  readonly situation: Situation;
  /** As a pass goes through them. */
  readonly order: readonly string[];
}

function queueOf(state: SchedulerState, group: GroupState, nowMs: number): Queue {
  const pending: WaitingSession[] = [];
  for (const one of state.queue.values()) if (one.group === group.name) pending.push(one);
  const situation = situationOf(state, [group], { pending, nowMs, running: 'all' });
  const policy = policyOf(state, group.name);
  const capacity = new GroupCluster(situation.nodes, situation.slots, policy).capacity();
  const inTurn = orderOf(situation.pending, policy, { situation, capacity });
  const order: string[] = [];
  for (let one = inTurn.next(); one !== undefined; one = inTurn.next()) order.push(one.session);
  return { situation, order };
}

/** With whom the session is tried, in order of arrival, as plain values. */
function triedWith(
  { situation, order }: Queue,
  { session, owner }: WaitingSession,
): readonly PendingView[] {
  const first = new Set([...order.slice(0, FIRST_MAX), session]);
  const hasKeyLimits = situation.limits.keypairs.has(owner.accessKey);
  let sameKey = 0;
  return situation.pending
    .filter((one) => {
      if (first.has(one.session) || one.promised !== undefined) return true;
      if (!hasKeyLimits || one.owner.accessKey !== owner.accessKey) return false;
      sameKey += 1;
      return sameKey <= SAME_KEY_MAX;
    })
    .map(plainOf);
}

/** Why it waits, as it is now; undefined when it would be placed or ended. */
function holdOf(queue: Queue, waiting: WaitingSession): Hold | undefined {
  const pending = triedWith(queue, waiting);
  const { held } = plan({ ...queue.situation, pending });
  const hold = held.find(({ session }) => session === waiting.session);
  return hold && { ...hold, place: queue.order.indexOf(waiting.session) + 1 };
}

interface Asked {
  readonly queue: Queue;
  readonly waiting: WaitingSession;
  readonly meter: Meter;
}

type Estimate = Pick<StartForecast, 'startsAtMs' | 'earliestMs' | 'latestMs' | 'unknown'>;

function startOf(
  state: SchedulerState,
  { queue, waiting, hold, meter }: Asked & { readonly hold: Hold | undefined },
): Estimate {
  const { situation, order } = queue;
  if (hold?.code === 'never-fits')
    return { unknown: 'It never starts as long as neither its request nor the agents change.' };
  const { experience } = state;
  const recent = experience.arrivalsOf(waiting.group).map(
    ({ atMs, wish }, index): Arrival => ({
      atMs,
      session: pendingLike(wish, `like-${index}`, atMs),
    }),
  );
  const found = forecast(situation, waiting.session, {
    order,
    leftOf: experience.runs.leftOf(),
    recent,
    workMax: WORK_MAX,
    onWork: (looks) => {
      meter.looks += looks;
    },
  });
  if (found === undefined)
    return {
      unknown:
        'Nothing that is expected to happen lets it start: it waits for a change of what there is or of what is allowed.',
    };
  return inWhole(found);
}

function inWhole({ startsAtMs, earliestMs, latestMs }: Forecast): Estimate {
  return {
    startsAtMs: Math.round(startsAtMs),
    earliestMs: Math.round(earliestMs),
    ...(latestMs === Infinity ? {} : { latestMs: Math.round(latestMs) }),
  };
}

function suggested(
  state: SchedulerState,
  { queue, waiting, meter }: Asked,
): readonly StartSuggestion[] {
  const others = [...state.groups.values()].filter(
    ({ name, waiting: counts }) =>
      name !== waiting.group &&
      [...counts.values()].reduce((sum, each) => sum + each, 0) <= WAITING_ELSEWHERE_MAX,
  );
  const own = state.groups.get(waiting.group);
  const groups = own === undefined ? others : [own, ...others];
  const names = new Set(others.map(({ name }) => name));
  const elsewhere = [...state.queue.values()].filter(({ group }) => names.has(group)).map(plainOf);
  const { nowMs } = queue.situation;
  const all = situationOf(state, groups, { pending: [], nowMs, running: 'all' });
  const situation = { ...all, pending: [...triedWith(queue, waiting), ...elsewhere] };
  const session = plainOf(waiting);
  const found = suggestionsFor(situation, session, {
    kinds: variantsOf(situation, session),
    onTry: (looks) => {
      meter.looks += looks;
    },
  });
  return found.map((one) => worded(state, session, one));
}

/** In the words of the log, and only what is asked for otherwise. */
function worded(
  { book }: SchedulerState,
  before: PendingView,
  { change, message, session }: Suggestion,
): StartSuggestion {
  const { group, clusterMode, runsAtMostMs, kernels } = session;
  const isSame =
    kernels.length === before.kernels.length &&
    kernels.every(({ request }, index) => request === before.kernels[index]?.request);
  return {
    change,
    message,
    ...(group === before.group ? {} : { resourceGroup: group }),
    ...(clusterMode === before.clusterMode ? {} : { clusterMode }),
    ...(isSame ? {} : { kernels: kernels.map(({ request }) => book.text(request)) }),
    ...(runsAtMostMs === before.runsAtMostMs || runsAtMostMs === undefined ? {} : { runsAtMostMs }),
  };
}
