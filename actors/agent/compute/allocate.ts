import { err, fromAmounts, ok, type Result, type Slots, toAmounts } from '@orrery/bus';
import { type AffinityHint, type FreeOf, orderRooms } from './affinity.ts';
import {
  type AffinityPolicy,
  type AllocationRefusal,
  type Allocations,
  DEVICE,
  type DeviceKind,
  isNamedBy,
  type MapDevice,
} from './device-map.ts';
import { cores, evenly, fill, type Room, type Shares } from './spread.ts';
import { spreadShares } from './spread-shares.ts';

export interface NodeMap {
  readonly kinds: readonly DeviceKind[];
  /** Keys of kinds: what is given first, and so decides where the rest lies. Those not named come last. */
  readonly order: readonly string[];
  readonly policy: AffinityPolicy;
  readonly freeOf: FreeOf;
}

interface Wanted {
  readonly kind: DeviceKind;
  readonly slot: string;
  readonly amount: bigint;
}

/** Devices for all slots of one kernel, or for none: nothing is changed by a refusal. */
export function allocate(map: NodeMap, slots: Slots): Result<Allocations, AllocationRefusal> {
  const wanted = wantedOf(map, slots);
  if (!wanted.ok) return wanted;
  const allocations: Record<string, Slots> = {};
  let near: ReadonlySet<number> | undefined;
  const fitsOn = memoised((numaNode) => fitsAllOn(map, wanted.value, numaNode));
  for (const each of wanted.value) {
    const shares = sharesOf(each, map, { near, policy: map.policy, fitsOn });
    if (!shares.ok) return shares;
    allocations[each.slot] = fromAmounts(Object.fromEntries(shares.value));
    near ??= nodesOf(each, shares.value);
  }
  return ok(allocations);
}

/** What is asked for, in the order of allocation. */
function wantedOf(map: NodeMap, slots: Slots): Result<readonly Wanted[], AllocationRefusal> {
  const wanted: Wanted[] = [];
  for (const [slot, amount] of Object.entries(toAmounts(slots))) {
    if (amount === 0n) continue;
    const kind = map.kinds.find(({ devices }) => devices.some((device) => device.slot === slot));
    if (kind === undefined)
      return refused('unsupported-resource', slot, `this node has no ${slot}`);
    wanted.push({ kind, slot, amount });
  }
  for (const { kind, slot, amount } of wanted) {
    const other = wanted.find(
      (each) =>
        each.slot !== slot &&
        isNamedBy(slot, kind.exclusiveSlots) &&
        isNamedBy(each.slot, kind.exclusiveSlots),
    );
    if (other !== undefined)
      return refused(
        'invalid-resource-combination',
        slot,
        `${slot} and ${other.slot} cannot be given to one kernel`,
      );
    const fault = faultOf({ kind, slot, amount });
    if (fault !== undefined) return err(fault);
  }
  const place = ({ kind }: Wanted): number => {
    const at = map.order.indexOf(kind.key);
    return at < 0 ? map.order.length : at;
  };
  return ok(wanted.toSorted((left, right) => place(left) - place(right)));
}

/** What is wrong with an amount, whatever room there is. */
function faultOf({ kind, slot, amount }: Wanted): AllocationRefusal | undefined {
  if (isNamedBy(slot, kind.uniqueSlots) && amount !== DEVICE)
    return {
      code: 'invalid-resource-argument',
      slot,
      message: `of ${slot} a kernel has exactly one`,
    };
  if (kind.rule === 'whole' && amount % DEVICE !== 0n)
    return {
      code: 'invalid-resource-argument',
      slot,
      message: `${slot} is given in whole devices`,
    };
  if (kind.rule === 'shares' && amount % kind.quantum !== 0n) {
    const quantum = fromAmounts({ quantum: kind.quantum })['quantum'];
    return {
      code: 'not-multiple-of-quantum',
      slot,
      message: `${slot} is given in multiples of ${quantum}`,
    };
  }
  return undefined;
}

/** The lowest tiers in which it fits. */
function sharesOf(
  wanted: Wanted,
  { freeOf }: NodeMap,
  hint: AffinityHint,
): Result<Shares, AllocationRefusal> {
  const { kind, slot, amount } = wanted;
  const devices = kind.devices.filter((device) => device.slot === slot);
  const rooms = orderRooms(devices, freeOf, hint).filter(({ free }) => free > 0n);
  const tiers = [...new Set(rooms.map(({ tier }) => tier))].toSorted((one, other) => one - other);
  let isFragmented = false;
  for (const last of tiers) {
    const shares = spread(
      kind,
      rooms.filter(({ tier }) => tier <= last),
      amount,
    );
    if (shares instanceof Map) return ok(shares);
    isFragmented ||= shares === 'fragmented';
  }
  const free = rooms.reduce((sum, room) => sum + room.free, 0n);
  const texts = fromAmounts({ amount, free });
  if (isFragmented)
    return refused(
      'fractional-resource-fragmented',
      slot,
      `${texts['amount']} ${slot} do not fit in one piece`,
    );
  return refused(
    'insufficient-resource',
    slot,
    `${texts['amount']} ${slot} are asked for and ${texts['free'] ?? '0'} are free`,
  );
}

function spread(
  kind: DeviceKind,
  rooms: readonly Room[],
  amount: bigint,
): Shares | 'insufficient' | 'fragmented' {
  switch (kind.rule) {
    case 'shares':
      return spreadShares(rooms, amount, kind);
    case 'cores':
      return cores(rooms, amount) ?? 'insufficient';
    case 'bytes':
      return fill(rooms, amount) ?? 'insufficient';
    case 'whole':
      return (
        (kind.spread === 'fill' ? fill(rooms, amount) : evenly(rooms, amount)) ?? 'insufficient'
      );
  }
}

/** Undefined where no device lies on a NUMA node: then the next kind decides. */
function nodesOf({ kind, slot }: Wanted, shares: Shares): ReadonlySet<number> | undefined {
  const nodes = kind.devices
    .filter((device) => device.slot === slot && shares.has(device.id))
    .map(({ numaNode }) => numaNode)
    .filter((numaNode) => numaNode !== null);
  return nodes.length === 0 ? undefined : new Set(nodes);
}

function fitsAllOn(map: NodeMap, wanted: readonly Wanted[], numaNode: number): boolean {
  return wanted.every(({ kind, slot, amount }) => {
    const free = kind.devices
      .filter((device) => device.slot === slot && isOn(device, numaNode))
      .map((device) => usableOf(kind, map.freeOf(device)))
      .reduce((sum, each) => sum + each, 0n);
    return free >= amount;
  });
}

function usableOf(kind: DeviceKind, free: bigint): bigint {
  if (free <= 0n) return 0n;
  if (kind.rule === 'whole') return free - (free % DEVICE);
  return kind.rule === 'shares' ? free - (free % kind.quantum) : free;
}

function isOn(device: MapDevice, numaNode: number): boolean {
  return device.numaNode === null || device.numaNode === numaNode;
}

function memoised(decide: (numaNode: number) => boolean): (numaNode: number) => boolean {
  const known = new Map<number, boolean>();
  return (numaNode) => {
    const answer = known.get(numaNode) ?? decide(numaNode);
    known.set(numaNode, answer);
    return answer;
  };
}

function refused(
  code: AllocationRefusal['code'],
  slot: string,
  message: string,
): Result<never, AllocationRefusal> {
  return err({ code, slot, message });
}
