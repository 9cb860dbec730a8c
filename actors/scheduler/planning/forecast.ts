import { type Arrival, runForward } from './future.ts';
import type { PendingView, RunningView, Situation } from './model.ts';
import { plan } from './plan.ts';

/** When a session is expected to start. */
export interface Forecast {
  readonly startsAtMs: number;
  /** The first and the last of several runs in which what runs ends sooner or later, each by its chance. */
  readonly earliestMs: number;
  /** Infinity when it is not bounded by anything known. */
  readonly latestMs: number;
}

/** How long a session that runs is expected to go on, from now. */
export interface Expectation {
  readonly soonMs: number;
  readonly likelyMs: number;
  readonly lateMs: number;
}

interface ForecastOptions {
  readonly expect: (running: RunningView, nowMs: number) => Expectation;
  /** Who is expected to come meanwhile, in order of time; without them the guesses are too early. */
  readonly coming?: readonly Arrival[];
  readonly passesMax: number;
}

/** So many behind a session may still be let past it; more of them would only cost time. */
const BEHIND_MAX = 200;

/** Sessions that are taken to come, at most: what lies further ahead is too uncertain to matter. */
const COMING_MAX = 500;

/** As those of the last `windowMs` came, once more and again. `recent` in order of time. */
export function comingLike(
  recent: readonly Arrival[],
  { nowMs, windowMs }: { readonly nowMs: number; readonly windowMs: number },
): readonly Arrival[] {
  const last = recent.filter(({ atMs }) => atMs > nowMs - windowMs && atMs <= nowMs);
  if (last.length === 0) return [];
  return Array.from({ length: COMING_MAX }, (_, index): Arrival | undefined => {
    const like = last[index % last.length];
    const round = 1 + Math.floor(index / last.length);
    if (like === undefined) return undefined;
    const atMs = like.atMs + round * windowMs;
    const session = `${like.session.session}+${round}`;
    return { atMs, session: { ...like.session, session, queuedAtMs: atMs } };
  }).filter((arrival) => arrival !== undefined);
}

/**
 * Runs the decision forward over the expected ends of what runs and the expected arrivals.
 * @returns undefined when it does not start within the passes that are allowed.
 */
export function forecast(
  situation: Situation,
  session: string,
  { expect, coming = [], passesMax }: ForecastOptions,
): Forecast | undefined {
  const ahead = withoutTheLast(situation, session);
  const startIn = (run: number): number => {
    let startsAtMs = Infinity;
    runForward({
      from: ahead,
      arrivals: coming,
      endOf: (running) => {
        const since = Math.max(running.startedAtMs, situation.nowMs);
        const expected = expect(running, since);
        return since + Math.max(1, between(expected, chanceOf(`${running.session}/${run}`)));
      },
      passesMax,
      watch: {
        placed: (placed, atMs) => {
          if (placed.session !== session) return undefined;
          startsAtMs = atMs;
          return false;
        },
      },
    });
    return startsAtMs;
  };
  const starts = Array.from({ length: RUNS }, (_, run) => startIn(run)).sort((left, right) =>
    left === right ? 0 : left - right,
  );
  const startsAtMs = starts[RUNS >> 1] ?? Infinity;
  if (startsAtMs === Infinity) return undefined;
  return {
    startsAtMs,
    earliestMs: starts[0] ?? startsAtMs,
    latestMs: starts.at(-1) ?? Infinity,
  };
}

/** Odd, so that one is in the middle. */
const RUNS = 7;

/** 0: as soon, 1/2: as likely, 1: as late as is expected. */
function between({ soonMs, likelyMs, lateMs }: Expectation, chance: number): number {
  const latestMs = lateMs === Infinity ? LATE_FACTOR * likelyMs : lateMs;
  return chance < 0.5
    ? soonMs + 2 * chance * (likelyMs - soonMs)
    : likelyMs + (2 * chance - 1) * (latestMs - likelyMs);
}

/** What has no bound is taken to go on at most so many times as long as is likely. */
const LATE_FACTOR = 4;

/** The same text has the same chance, 0 to 1 (FNV-1a, then mixed): a forecast gives the same answer twice. */
function chanceOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

function withoutTheLast(situation: Situation, session: string): Situation {
  const target = situation.pending.find((one) => one.session === session);
  const group = situation.pending.filter((one) => one.group === target?.group);
  const { held } = plan({ ...situation, pending: group });
  const places = new Map(held.map(({ session: id, place }) => [id, place]));
  const own = places.get(session) ?? Infinity;
  const pending = group.filter(({ session: id }) => (places.get(id) ?? 0) <= own + BEHIND_MAX);
  return { ...situation, pending };
}

/** A change of the request that would let it start at once, on the cluster as it is. */
export interface Suggestion {
  readonly change: 'fewer-devices' | 'less-memory' | 'other-group' | 'other-device' | 'more-nodes';
  readonly message: string;
  readonly session: PendingView;
}

export interface Variant {
  readonly change: Suggestion['change'];
  readonly message: string;
  readonly session: PendingView;
}

/** Of the variants those that start now, each tried by itself with everyone else as they are. */
export function suggestionsFor(
  situation: Situation,
  session: PendingView,
  variants: readonly Variant[],
): readonly Suggestion[] {
  return variants.filter((variant) => {
    const pending = situation.pending.map((one) =>
      one.session === session.session ? variant.session : one,
    );
    const { placed } = plan({ ...situation, pending });
    return placed.some((one) => one.session === session.session);
  });
}

/** The ways to ask for less or elsewhere. */
export function variantsOf(situation: Situation, session: PendingView): readonly Variant[] {
  return [
    ...fewerDevices(situation, session),
    ...otherDevices(situation, session),
    ...otherGroups(situation, session),
    ...spreadOverNodes(session),
  ];
}

const DEVICE = /^(?:cuda|rocm|tpu|ipu)\./;

function fewerDevices({ slots }: Situation, session: PendingView): readonly Variant[] {
  return slots.flatMap((name, slot) => {
    const most = Math.max(...session.kernels.map(({ request }) => request[slot] ?? 0));
    const step = DEVICE.test(name) ? 1000 : most / 2;
    if (most === 0) return [];
    const smaller = DEVICE.test(name)
      ? Array.from(
          { length: Math.max(0, Math.ceil(most / step) - 1) },
          (_, n) => most - step * (n + 1),
        )
      : [Math.ceil(most / 2), Math.ceil(most / 4)];
    return smaller
      .filter((amount) => amount > 0 && amount < most)
      .slice(0, 8)
      .map((amount) => ({
        change: name === 'mem' ? ('less-memory' as const) : ('fewer-devices' as const),
        message: `with ${name === 'mem' ? `${amount} bytes` : amount / 1000} of ${name} a kernel instead of ${name === 'mem' ? most : most / 1000}`,
        session: withAmount(session, slot, (before) => Math.min(before, amount)),
      }));
  });
}

function otherDevices({ slots, nodes }: Situation, session: PendingView): readonly Variant[] {
  const kinds = slots.map((name, slot) => ({ name, slot })).filter(({ name }) => DEVICE.test(name));
  const asked = kinds.filter(({ slot }) =>
    session.kernels.some(({ request }) => (request[slot] ?? 0) > 0),
  );
  return asked.flatMap((from) =>
    kinds
      .filter(({ slot }) => slot !== from.slot && nodes.some(({ total }) => (total[slot] ?? 0) > 0))
      .map((to) => ({
        change: 'other-device' as const,
        message: `with ${to.name} instead of ${from.name}`,
        session: {
          ...session,
          kernels: session.kernels.map(({ kernel, request }) => ({
            kernel,
            request: request.map((amount, slot) => {
              if (slot === from.slot) return 0;
              return slot === to.slot ? amount + (request[from.slot] ?? 0) : amount;
            }),
          })),
        },
      })),
  );
}

function otherGroups({ groups, nodes }: Situation, session: PendingView): readonly Variant[] {
  const names = new Set([...Object.keys(groups), ...nodes.map(({ group }) => group)]);
  names.delete(session.group);
  return [...names].map((group) => ({
    change: 'other-group' as const,
    message: `in the resource group ${group}`,
    session: { ...session, group },
  }));
}

/** What asks for one node could lie on several, a kernel each. */
function spreadOverNodes(session: PendingView): readonly Variant[] {
  if (session.clusterMode === 'multi-node' || session.kernels.length < 2) return [];
  return [
    {
      change: 'more-nodes',
      message: `on up to ${session.kernels.length} nodes (multi-node) instead of one`,
      session: { ...session, clusterMode: 'multi-node' },
    },
  ];
}

function withAmount(
  session: PendingView,
  slot: number,
  change: (before: number) => number,
): PendingView {
  return {
    ...session,
    kernels: session.kernels.map(({ kernel, request }) => ({
      kernel,
      request: request.map((amount, place) => (place === slot ? change(amount) : amount)),
    })),
  };
}
