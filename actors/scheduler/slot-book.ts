import { fromAmounts, type Slots, toAmounts } from '@orrery/bus';
import { isBytes } from './planning/amounts.ts';
import type { Vector } from './planning/vector.ts';

/** Slots are compared in this order; a name also stands for its kinds (reference: default resource priority). */
const COMPARED_FIRST = ['cuda', 'rocm', 'tpu', 'cpu', 'mem'];
const THOUSANDTHS = 1000n;

/** The names of all slots in use, and amounts as numbers in the order of the names. */
export interface SlotBook {
  readonly names: readonly string[];
  /** @returns false when it holds a name that the book has not. */
  knows(slots: Slots): boolean;
  /** Vectors that were made before are of no use afterwards. */
  learn(slots: Slots): void;
  /** Rounded up to whole bytes or thousandths. */
  request(slots: Slots): Vector;
  /** Rounded down. */
  capacity(slots: Slots): number[];
  /** What is not named is unlimited, or there may be none of it. */
  limit(slots: Slots, unlisted?: 'unlimited' | 'none'): Vector;
  /** What is above zero. */
  text(amounts: Vector): Slots;
}

export function createSlotBook(): SlotBook {
  let names: readonly string[] = [];
  const amountsOf = (slots: Slots, absent: number, isRoundedUp: boolean): number[] => {
    const amounts = toAmounts(slots);
    return names.map((name) => {
      const amount = amounts[name];
      return amount === undefined ? absent : numberOf(name, amount, isRoundedUp);
    });
  };
  return {
    get names() {
      return names;
    },
    knows: (slots) => Object.keys(slots).every((name) => names.includes(name)),
    learn: (slots) => {
      names = [...new Set([...names, ...Object.keys(slots)])].sort(byRank);
    },
    request: (slots) => amountsOf(slots, 0, true),
    capacity: (slots) => amountsOf(slots, 0, false),
    limit: (slots, unlisted = 'unlimited') =>
      amountsOf(slots, unlisted === 'none' ? 0 : Number.POSITIVE_INFINITY, false),
    text: (amounts) => {
      const entries = names.flatMap((name, slot): readonly (readonly [string, bigint])[] => {
        const amount = amounts[slot] ?? 0;
        if (amount <= 0 || !Number.isFinite(amount)) return [];
        return [[name, BigInt(amount) * (isBytes(name) ? THOUSANDTHS : 1n)]];
      });
      return fromAmounts(Object.fromEntries(entries));
    },
  };
}

/** Bytes as they are, everything else in thousandths; at most what is still exact. */
function numberOf(name: string, thousandths: bigint, isRoundedUp: boolean): number {
  const whole = isRoundedUp
    ? (thousandths + THOUSANDTHS - 1n) / THOUSANDTHS
    : thousandths / THOUSANDTHS;
  return Math.min(Number(isBytes(name) ? whole : thousandths), Number.MAX_SAFE_INTEGER);
}

function byRank(left: string, right: string): number {
  return rankOf(left) - rankOf(right) || (left < right ? -1 : 1);
}

function rankOf(name: string): number {
  const place = COMPARED_FIRST.findIndex(
    (prefix) => name === prefix || name.startsWith(`${prefix}.`),
  );
  return place === -1 ? COMPARED_FIRST.length : place;
}
