import type { FairShare } from '@orrery/bus';
import type { Vector } from './vector.ts';

const DAY_SECONDS = 86_400;

/** Reference: `fair_share_spec` of a resource group; weights of owners apart. */
type FairShareSpec = Omit<FairShare, 'weights'>;

/** What was used on one day: amount times seconds, by slot. */
export interface DayUsage {
  readonly daysAgo: number;
  readonly slotSeconds: Vector;
}

const EXPONENT_MAX = 10;

/**
 * 2 to the power of minus (normalised usage / weight), 0 to 1: 1 for who used nothing. Days count half as much
 * after each half-life and not at all past the look-back.
 */
export function factorOf(
  days: readonly DayUsage[],
  weight: number | undefined,
  { spec, slots, capacity }: FairShareCircumstances,
): number {
  const weights = slots.map((name) => spec.resourceWeights[name] ?? 1);
  let weighted = 0;
  let weightOfAll = 0;
  slots.forEach((_, slot) => {
    const all = (capacity[slot] ?? 0) * spec.lookbackDays * DAY_SECONDS;
    if (all <= 0) return;
    weightOfAll += weights[slot] ?? 0;
    weighted += ((weights[slot] ?? 0) * decayed(days, slot, spec)) / all;
  });
  const normalised = weightOfAll === 0 ? 0 : weighted / weightOfAll;
  if (normalised === 0) return 1;
  const exponent = Math.min(EXPONENT_MAX, normalised / (weight ?? spec.defaultWeight));
  return 2 ** -exponent;
}

export interface FairShareCircumstances {
  readonly spec: FairShareSpec;
  readonly slots: readonly string[];
  /** All that the group has. */
  readonly capacity: Vector;
}

function decayed(days: readonly DayUsage[], slot: number, spec: FairShareSpec): number {
  let total = 0;
  for (const { daysAgo, slotSeconds } of days) {
    if (daysAgo < 0 || daysAgo >= spec.lookbackDays) continue;
    total += (slotSeconds[slot] ?? 0) * worthOf(daysAgo, spec);
  }
  return total;
}

/** What use counts that lies so many days back: half after each half-life, in steps of the decay unit. */
export function worthOf(
  daysAgo: number,
  { decayUnitDays, halfLifeDays }: Pick<FairShareSpec, 'decayUnitDays' | 'halfLifeDays'>,
): number {
  const age = Math.floor(daysAgo / decayUnitDays) * decayUnitDays;
  return 2 ** (-age / halfLifeDays);
}
