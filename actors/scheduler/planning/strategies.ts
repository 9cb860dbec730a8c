import type { GroupPolicy, Strategy } from './model.ts';
import type { WorkNode } from './node-order.ts';

/** Negative when `left` is to be taken before `right`. Total: no two nodes are equal. */
export type Comparator = (left: WorkNode, right: WorkNode) => number;

interface Asked {
  /** Places of the slots of which something is asked, in order of resource priority. */
  readonly places: readonly number[];
  readonly slots: readonly string[];
  readonly policy: GroupPolicy;
}

export interface Preference {
  readonly compare: Comparator;
  /** How the first slot asked for changes along the order; lets a search begin late or end early. */
  readonly firstSlot: 'rising' | 'falling' | 'any';
}

const preferences: Readonly<Record<Strategy, (asked: Asked) => Preference>> = {
  dispersed: ({ places }) => ({
    compare: bySlots(places, (left, right) => right - left),
    firstSlot: 'falling',
  }),
  concentrated: ({ places }) => ({
    compare: bySlots(places, (left, right) => left - right),
    firstSlot: 'rising',
  }),
  'round-robin': () => ({
    compare: (left, right) => left.turn - right.turn || byName(left, right),
    firstSlot: 'any',
  }),
  'minimum-occupied': ({ places }) => ({ compare: byOccupied(places), firstSlot: 'any' }),
  weighted: (asked) => ({ compare: byWeight(asked), firstSlot: 'any' }),
};

/** Which of two nodes a strategy takes first for what asks for those slots. */
export function preferenceOf(asked: Asked): Preference {
  return preferences[asked.policy.strategy](asked);
}

function bySlots(
  places: readonly number[],
  compare: (left: number, right: number) => number,
): Comparator {
  return (left, right) => {
    for (const slot of places) {
      const order = compare(left.free[slot] ?? 0, right.free[slot] ?? 0);
      if (order !== 0) return order;
    }
    return byName(left, right);
  };
}

function byOccupied(places: readonly number[]): Comparator {
  return (left, right) => {
    for (const slot of places) {
      const order = occupied(left, slot) - occupied(right, slot);
      if (order !== 0) return order;
    }
    return byName(left, right);
  };
}

function occupied({ total, free }: WorkNode, slot: number): number {
  return (total[slot] ?? 0) - (free[slot] ?? 0);
}

/** The larger the weighted free share, the sooner. Shares only order nodes, so rounding harms nothing. */
function byWeight({ places, slots, policy }: Asked): Comparator {
  const weights = places.map((slot) => ({
    slot,
    weight: policy.weights?.[slots[slot] ?? ''] ?? 1,
  }));
  const score = ({ total, free }: WorkNode): number =>
    weights.reduce((worth, { slot, weight }) => {
      const all = total[slot] ?? 0;
      return all > 0 ? worth + (weight * (free[slot] ?? 0)) / all : worth;
    }, 0);
  return (left, right) => score(right) - score(left) || byName(left, right);
}

function byName(left: WorkNode, right: WorkNode): number {
  return left.name < right.name ? -1 : left.name > right.name ? 1 : 0;
}
