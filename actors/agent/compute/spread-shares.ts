import { smallest } from './device-map.ts';
import { bestFit, fill, type Room, type Shares } from './spread.ts';

export type SpreadShares = Shares | 'insufficient' | 'fragmented';

/**
 * Parts of devices: on one where they fit, the fullest; else the same of each of as few as can be. The amount is a
 * multiple of the quantum.
 */
export function spreadShares(
  rooms: readonly Room[],
  amount: bigint,
  rule: {
    readonly quantum: bigint;
    readonly spread: 'evenly' | 'fill';
    readonly isFragmentable: boolean;
  },
): SpreadShares {
  const usable = rooms
    .map((room) => ({ ...room, free: room.free - (room.free % rule.quantum) }))
    .filter(({ free }) => free > 0n);
  if (total(usable) < amount) return 'insufficient';
  if (!rule.isFragmentable) return equalShares(usable, amount, rule.quantum) ?? 'fragmented';
  if (rule.spread === 'fill') return fill(usable, amount) ?? 'insufficient';
  const one = bestFit(usable, amount);
  if (one !== undefined) return new Map([[one.id, amount]]);
  return bestWindow(usable, amount, rule.quantum) ?? 'insufficient';
}

/** On one device when one of them could ever hold it, else equal shares on as few as can be. */
function equalShares(rooms: readonly Room[], amount: bigint, quantum: bigint): Shares | undefined {
  const [largest = 0n] = rooms.map(({ capacity }) => capacity).toSorted((a, b) => compare(b, a));
  for (let count = 1n; count <= BigInt(rooms.length); count++) {
    if (largest * count < amount) continue;
    if (amount % (count * quantum) === 0n) {
      const share = amount / count;
      const fitting = rooms
        .filter(({ free }) => free >= share)
        .toSorted((left, right) => left.tier - right.tier || compare(left.free, right.free))
        .slice(0, Number(count));
      if (BigInt(fitting.length) === count) return new Map(fitting.map(({ id }) => [id, share]));
    }
    // What one device could hold is not given in pieces.
    if (count === 1n) return undefined;
  }
  return undefined;
}

interface Window {
  readonly shares: Shares;
  readonly unevenness: bigint;
  readonly devices: number;
  readonly leftOver: bigint;
}

/** Of all runs of devices sorted by room: the most even, then the shortest, then what leaves the least over. */
function bestWindow(rooms: readonly Room[], amount: bigint, quantum: bigint): Shares | undefined {
  const sorted = rooms.toSorted((left, right) => compare(right.free, left.free));
  let best: Window | undefined;
  for (let size = 2; size <= sorted.length; size++) {
    for (let from = 0; from + size <= sorted.length; from++) {
      const window = windowOf(sorted.slice(from, from + size), amount, quantum);
      if (window !== undefined && (best === undefined || isBetter(window, best))) best = window;
    }
  }
  return best?.shares;
}

function windowOf(rooms: readonly Room[], amount: bigint, quantum: bigint): Window | undefined {
  const room = total(rooms);
  if (room < amount) return undefined;
  const shares = new Map<string, bigint>();
  let left = amount;
  let unevenness = 0n;
  let before: bigint | undefined;
  // The smallest first, so that what they cannot take falls to those with more room.
  const ascending = rooms.toSorted((one, other) => compare(one.free, other.free));
  for (const [place, { id, free }] of ascending.entries()) {
    const devicesLeft = BigInt(ascending.length - place);
    const part = roundUp((left + devicesLeft - 1n) / devicesLeft, quantum);
    const taken = smallest(part, free, left);
    if (taken > 0n) shares.set(id, taken);
    if (before !== undefined) unevenness += taken > before ? taken - before : before - taken;
    before = taken;
    left -= taken;
  }
  if (left > 0n) return undefined;
  return { shares, unevenness, devices: shares.size, leftOver: room - amount };
}

function isBetter(window: Window, than: Window): boolean {
  if (window.unevenness !== than.unevenness) return window.unevenness < than.unevenness;
  if (window.devices !== than.devices) return window.devices < than.devices;
  return window.leftOver < than.leftOver;
}

function roundUp(amount: bigint, quantum: bigint): bigint {
  return ((amount + quantum - 1n) / quantum) * quantum;
}

function total(rooms: readonly Room[]): bigint {
  return rooms.reduce((sum, { free }) => sum + free, 0n);
}

function compare(left: bigint, right: bigint): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
