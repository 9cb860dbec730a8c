import type { AffinityPolicy, MapDevice } from './device-map.ts';
import type { Room } from './spread.ts';

/** Thousandths that are still free of a device. */
export type FreeOf = (device: MapDevice) => bigint;

export interface AffinityHint {
  /** NUMA nodes of the devices that the kernel was given before; undefined: none yet. */
  readonly near: ReadonlySet<number> | undefined;
  readonly policy: AffinityPolicy;
  /** Whether everything that the kernel asks for fits on this NUMA node. */
  readonly fitsOn: (numaNode: number) => boolean;
}

/**
 * Devices in the order in which they are to be taken. Those near to what the kernel has come first; of a kernel that
 * has nothing yet, by the policy: mixed over the NUMA nodes, or one node after the other.
 */
export function orderRooms(
  devices: readonly MapDevice[],
  freeOf: FreeOf,
  hint: AffinityHint,
): readonly Room[] {
  const groups = groupsOf(devices, freeOf, hint.fitsOn);
  if (hint.near === undefined && hint.policy === 'prefer-single-node')
    return groups.flatMap(({ rooms }, tier) => rooms.map((room) => ({ ...room, tier })));
  const { near } = hint;
  if (near === undefined) return interleave(groups, 0);
  const isNear = ({ numaNode }: Group): boolean => numaNode === null || near.has(numaNode);
  return [
    ...interleave(groups.filter(isNear), 0),
    ...interleave(
      groups.filter((group) => !isNear(group)),
      1,
    ),
  ];
}

interface Group {
  readonly numaNode: number | null;
  readonly rooms: readonly Room[];
}

/** By NUMA node: those that can hold the kernel alone first, then the least allocated; in each the emptiest device first. */
function groupsOf(
  devices: readonly MapDevice[],
  freeOf: FreeOf,
  fitsOn: (numaNode: number) => boolean,
): readonly Group[] {
  const nodes = [...new Set(devices.map(({ numaNode }) => numaNode))];
  const groups = nodes.map((numaNode) => {
    const own = devices.filter((device) => device.numaNode === numaNode);
    const rooms = own
      .map((device) => ({
        id: device.id,
        capacity: device.capacity,
        free: freeOf(device),
        tier: 0,
      }))
      .toSorted((left, right) => compare(right.free, left.free));
    const allocated = rooms.reduce((sum, { capacity, free }) => sum + capacity - free, 0n);
    return { numaNode, rooms, allocated, fits: numaNode === null || fitsOn(numaNode) };
  });
  return groups.toSorted(
    (left, right) =>
      Number(right.fits) - Number(left.fits) ||
      compare(left.allocated, right.allocated) ||
      (left.numaNode ?? -1) - (right.numaNode ?? -1),
  );
}

function interleave(groups: readonly Group[], tier: number): readonly Room[] {
  const longest = Math.max(0, ...groups.map(({ rooms }) => rooms.length));
  const mixed: Room[] = [];
  for (let place = 0; place < longest; place++)
    for (const { rooms } of groups) {
      const room = rooms[place];
      if (room !== undefined) mixed.push({ ...room, tier });
    }
  return mixed;
}

function compare(left: bigint, right: bigint): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
