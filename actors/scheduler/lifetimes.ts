import type { SchedulerEvent } from '@orrery/bus';
import type { RunningView } from './planning/model.ts';
import type { SchedulerState } from './state.ts';
import { WaitingSession } from './waiting-session.ts';

/** Sessions whose time is over that one commit names. */
export const EXPIRED_MAX = 500;

type State = Pick<SchedulerState, 'allocations' | 'limits'>;

/** How long the sessions of a key pair may live, by access key; of those that are limited. */
function lifetimesOf({ limits }: Pick<State, 'limits'>): ReadonlyMap<string, number> {
  const lifetimes = new Map<string, number>();
  for (const [scoped, { sessionLifetimeMaxMs }] of limits)
    if (sessionLifetimeMaxMs !== undefined)
      lifetimes.set(scoped.slice('keypair:'.length), sessionLifetimeMaxMs);
  return lifetimes;
}

/** When the time of the first of them is over; Infinity when nobody's is limited. Goes through all. */
export function findFirstExpiryMs({ allocations, limits }: State): number {
  const lifetimes = lifetimesOf({ limits });
  if (lifetimes.size === 0) return Number.POSITIVE_INFINITY;
  let first = Number.POSITIVE_INFINITY;
  for (const { owner, startedAtMs, leaving } of allocations.values()) {
    const lifetimeMs = leaving === undefined ? lifetimes.get(owner.accessKey) : undefined;
    if (lifetimeMs !== undefined) first = Math.min(first, startedAtMs + lifetimeMs);
  }
  return first;
}

/** The same, when one more has got its slots. */
export function expiryWith(
  { limits, firstExpiryMs }: Pick<SchedulerState, 'limits' | 'firstExpiryMs'>,
  { owner, startedAtMs }: Pick<RunningView, 'owner' | 'startedAtMs'>,
): number {
  if (limits.size === 0) return firstExpiryMs;
  const lifetimeMs = limits.get(`keypair:${owner.accessKey}`)?.sessionLifetimeMaxMs;
  return Math.min(firstExpiryMs, startedAtMs + (lifetimeMs ?? Number.POSITIVE_INFINITY));
}

/** Those who have held their slots for longer than their key pair lets them. */
export function expired({ allocations, limits }: State, nowMs: number): readonly SchedulerEvent[] {
  const lifetimes = lifetimesOf({ limits });
  const events: SchedulerEvent[] = [];
  if (lifetimes.size === 0) return events;
  for (const { session, attempt, owner, startedAtMs, leaving } of allocations.values()) {
    const lifetimeMs = leaving === undefined ? lifetimes.get(owner.accessKey) : undefined;
    if (lifetimeMs === undefined || startedAtMs + lifetimeMs > nowMs) continue;
    events.push({ type: 'session-expired', session, attempt, lifetimeMs });
    if (events.length >= EXPIRED_MAX) break;
  }
  return events;
}

/** How those who run are seen when they end by their lifetime at the latest. */
export function runningWithin(
  running: readonly RunningView[],
  state: Pick<State, 'limits'>,
): readonly RunningView[] {
  const lifetimes = lifetimesOf(state);
  if (lifetimes.size === 0) return running;
  return running.map((one) => {
    const lifetimeMs = lifetimes.get(one.owner.accessKey);
    if (lifetimeMs === undefined) return one;
    const endsAtMs = Math.min(
      one.endsAtMs ?? Number.POSITIVE_INFINITY,
      one.startedAtMs + lifetimeMs,
    );
    const { session, group, owner, sessionType, image, placements, startedAtMs } = one;
    const { isPreemptible, jobPriority, placementGroup, isEnding } = one;
    const same = { session, group, owner, sessionType, image, placements, startedAtMs };
    return { ...same, isPreemptible, jobPriority, placementGroup, isEnding, endsAtMs };
  });
}

/** How those who wait are seen: they run for their lifetime at most. */
export function pendingWithin(
  pending: readonly WaitingSession[],
  state: Pick<State, 'limits'>,
): readonly WaitingSession[] {
  const lifetimes = lifetimesOf(state);
  if (lifetimes.size === 0) return pending;
  return pending.map((one) => {
    const lifetimeMs = lifetimes.get(one.owner.accessKey);
    return lifetimeMs === undefined ? one : new MortalSession(one, lifetimeMs);
  });
}

/** A session in the queue that will not run for longer. */
class MortalSession extends WaitingSession {
  readonly #lifetimeMs: number;

  constructor(one: WaitingSession, lifetimeMs: number) {
    super(one, one.said, one.promised);
    this.#lifetimeMs = lifetimeMs;
  }

  override get runsAtMostMs(): number {
    return Math.min(super.runsAtMostMs ?? Number.POSITIVE_INFINITY, this.#lifetimeMs);
  }
}
