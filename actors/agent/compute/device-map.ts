import type { Slots } from '@orrery/bus';

/** Amounts by slot and device, as text: `{ 'cuda.device': { 'GPU-1': '1' } }`. What is zero is left out. */
export type Allocations = Readonly<Record<string, Slots>>;

/** One thing that kernels are given whole or in parts. Amounts are thousandths. */
export interface MapDevice {
  /** Unique in its slot. */
  readonly id: string;
  readonly slot: string;
  /** Null: it is equally near to everything. */
  readonly numaNode: number | null;
  readonly capacity: bigint;
}

/** The devices of one sort and how an amount is spread over them. */
export interface DeviceKind {
  /** `cpu`, `mem`, `cuda`, …: slots are named after it. */
  readonly key: string;
  readonly devices: readonly MapDevice[];
  /**
   * `whole`: only whole devices; `bytes`: any amount of one pool; `cores`: whole cores of one's own, and the
   * rest as a part of one; `shares`: parts of devices, in multiples of the quantum.
   */
  readonly rule: 'whole' | 'bytes' | 'cores' | 'shares';
  readonly spread: 'evenly' | 'fill';
  /** Thousandths; for `shares`. */
  readonly quantum: bigint;
  /** Whether shares that would fit on fewer devices may lie on more, unequally. */
  readonly isFragmentable: boolean;
  /** Slots of which a kernel has exactly one device or none; a pattern may hold `*`. */
  readonly uniqueSlots: readonly string[];
  /** Of these slots a kernel has at most one; a pattern may hold `*`. */
  readonly exclusiveSlots: readonly string[];
}

export type AffinityPolicy = 'interleaved' | 'prefer-single-node';

export const DEVICE = 1000n;

/** Why a request cannot be met; only for `insufficient` and `fragmented` may it be met later. */
export interface AllocationRefusal {
  readonly code:
    | 'unsupported-resource'
    | 'invalid-resource-combination'
    | 'invalid-resource-argument'
    | 'not-multiple-of-quantum'
    | 'insufficient-resource'
    | 'fractional-resource-fragmented';
  readonly slot: string;
  readonly message: string;
}

/** Whether a slot is named by one of the patterns. */
export function isNamedBy(slot: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const [head = '', ...rest] = pattern.split('*');
    if (rest.length === 0) return slot === pattern;
    const tail = rest.join('*');
    return slot.startsWith(head) && slot.endsWith(tail) && slot.length >= pattern.length - 1;
  });
}

/** `Math.min` for exact amounts. */
export function smallest(first: bigint, ...others: readonly bigint[]): bigint {
  let least = first;
  for (const each of others) if (each < least) least = each;
  return least;
}
