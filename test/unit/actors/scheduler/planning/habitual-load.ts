import type { Arrival } from '../../../../../actors/scheduler/planning/future.ts';
import { chanceOf, type Day, mixedDay } from './mixed-load.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** People ask for one of few round times. */
const LIMITS_MS = [0.25, 0.5, 1, 2, 4, 8, 12, 24].map((hours) => hours * HOUR_MS);
/** Runs that fail as soon as they begin. */
const FAILING = 0.05;

interface PersonalHabit {
  readonly image: string;
  readonly usualMs: number;
  /** How much its runs vary, as a factor's logarithm. */
  readonly spread: number;
  /** How much more than usual is asked for. */
  readonly margin: number;
}

/**
 * The mixed day, its sizes and arrivals and as much work in all, of people who do the same again and again: as public
 * traces of clusters show it, each has a few programs, each of which takes about as long every time, fails at once now
 * and then, and is given a round limit that is far too long.
 */
export function habitualDay(...asked: Parameters<typeof mixedDay>): Day {
  const { from, arrivals, durationMs: unlike } = mixedDay(...asked);
  const chance = chanceOf(asked[0] + 1_000_000);
  const owners = new Map<string, readonly PersonalHabit[]>();
  const drawn = arrivals.map((arrival) => {
    const { userId } = arrival.session.owner;
    const own = owners.get(userId) ?? habitsOf(chance);
    owners.set(userId, own);
    // The first of them most.
    const habit = own[Math.floor(chance() ** 2 * own.length)];
    if (habit === undefined) throw new Error(`${userId} does nothing`);
    return { arrival, habit, ranMs: ranMs(habit, chance) };
  });
  const work = (lengthOf: (one: (typeof drawn)[number]) => number): number =>
    drawn.reduce((sum, one) => sum + lengthOf(one) * coresOf(one.arrival), 0);
  const scale =
    work(({ arrival }) => unlike.get(arrival.session.session) ?? 0) / work((one) => one.ranMs);
  const durationMs = new Map<string, number>();
  const habitual = drawn.map(({ arrival: { atMs, session }, habit, ...one }): Arrival => {
    const wantedMs = habit.usualMs * scale * habit.margin;
    const limitMs = LIMITS_MS.find((each) => each >= wantedMs) ?? 24 * HOUR_MS;
    durationMs.set(session.session, Math.min(limitMs, Math.round(one.ranMs * scale)));
    return { atMs, session: { ...session, image: habit.image, runsAtMostMs: limitMs } };
  });
  return { from, arrivals: habitual, durationMs };
}

function habitsOf(chance: () => number): readonly PersonalHabit[] {
  return Array.from({ length: 1 + Math.floor(3 * chance()) }, () => ({
    image: `image-${Math.floor(8 * chance())}`,
    // As the runs of the mixed day.
    usualMs: HOUR_MS * (0.1 + 2 * chance() ** 2),
    spread: 0.05 + 0.25 * chance(),
    margin: 1.5 + 1.5 * chance(),
  }));
}

function ranMs({ usualMs, spread }: PersonalHabit, chance: () => number): number {
  if (chance() < FAILING) return MINUTE_MS * (0.2 + 2 * chance());
  // Normal enough: the sum of twelve even ones.
  const normal = Array.from({ length: 12 }, chance).reduce((sum, each) => sum + each, -6);
  return usualMs * Math.exp(spread * normal);
}

function coresOf({ session: { kernels } }: Arrival): number {
  return kernels.reduce((sum, { request }) => sum + (request[1] ?? 0), 0);
}
