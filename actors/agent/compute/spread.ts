import { DEVICE, smallest } from './device-map.ts';

/** A device with what is free of it, in thousandths. Lists of them are in the order of preference. */
export interface Room {
  readonly id: string;
  readonly free: bigint;
  /** Of the whole device. */
  readonly capacity: bigint;
  /** Lower ones are preferred, whatever else is so. */
  readonly tier: number;
}

/** Thousandths by device; undefined: there is not enough room. */
export type Shares = ReadonlyMap<string, bigint>;

/** As much as possible of each device in turn. */
export function fill(rooms: readonly Room[], amount: bigint): Shares | undefined {
  const shares = new Map<string, bigint>();
  let left = amount;
  for (const { id, free } of rooms) {
    if (left === 0n) break;
    const taken = smallest(free, left);
    if (taken > 0n) shares.set(id, taken);
    left -= taken > 0n ? taken : 0n;
  }
  return left === 0n ? shares : undefined;
}

/** The same of all devices as far as they have room; what cannot be divided goes to the preferred ones. */
export function evenly(
  rooms: readonly Room[],
  amount: bigint,
  unit: bigint = DEVICE,
): Shares | undefined {
  const shares = new Map<string, bigint>();
  let left = amount / unit;
  if (left * unit !== amount) return undefined;
  let open = rooms.map(({ id, free }) => ({ id, units: free > 0n ? free / unit : 0n }));
  for (;;) {
    open = open.filter(({ units }) => units > 0n);
    if (left === 0n) return shares;
    const count = BigInt(open.length);
    if (count === 0n) return undefined;
    const [base, extra] = [left / count, left % count];
    open = open.map(({ id, units }, place) => {
      const wanted = base + (BigInt(place) < extra ? 1n : 0n);
      const taken = smallest(wanted, units);
      if (taken > 0n) shares.set(id, (shares.get(id) ?? 0n) + taken * unit);
      left -= taken;
      return { id, units: units - taken };
    });
  }
}

/**
 * Whole cores that nobody else has, and the rest where it leaves the least over. Where there are no such cores
 * left but time enough, of any: time can be shared.
 */
export function cores(rooms: readonly Room[], amount: bigint): Shares | undefined {
  const rest = amount % DEVICE;
  const whole = evenly(rooms, amount - rest);
  if (whole === undefined) return fill(rooms, amount);
  if (rest === 0n) return whole;
  const others = rooms.map((room) => ({ ...room, free: room.free - (whole.get(room.id) ?? 0n) }));
  const best = bestFit(others, rest);
  if (best === undefined) return fill(rooms, amount);
  return new Map([...whole, [best.id, (whole.get(best.id) ?? 0n) + rest]]);
}

/** Of the devices on which it fits, the fullest in the lowest tier. */
export function bestFit(rooms: readonly Room[], amount: bigint): Room | undefined {
  let best: Room | undefined;
  for (const room of rooms) {
    if (room.free < amount) continue;
    const isBetter =
      best === undefined ||
      room.tier < best.tier ||
      (room.tier === best.tier && room.free < best.free);
    if (isBetter) best = room;
  }
  return best;
}
