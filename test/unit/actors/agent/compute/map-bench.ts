import type { Slots } from '@orrery/bus';
import {
  DeviceLedger,
  type LedgerOptions,
} from '../../../../../actors/agent/compute/device-ledger.ts';
import type {
  Allocations,
  DeviceKind,
  MapDevice,
} from '../../../../../actors/agent/compute/device-map.ts';

/** Devices of one slot, the same number on each NUMA node. */
export function devicesOn(
  slot: string,
  shape: { readonly nodes: number; readonly each: number; readonly capacity?: bigint },
): readonly MapDevice[] {
  const { nodes, each, capacity = 1000n } = shape;
  return Array.from({ length: nodes * each }, (_, place) => ({
    id: String(place),
    slot,
    numaNode: Math.floor(place / each),
    capacity,
  }));
}

export function kindOf(more: Partial<DeviceKind> & Pick<DeviceKind, 'key' | 'rule'>): DeviceKind {
  return {
    devices: [],
    spread: 'evenly',
    quantum: 100n,
    isFragmentable: true,
    uniqueSlots: [],
    exclusiveSlots: [],
    ...more,
  };
}

/** A node of 8 GPUs and 16 cores on 2 NUMA nodes, with 64 GiB. */
export const bigNode = (): readonly DeviceKind[] => [
  kindOf({ key: 'cpu', rule: 'cores', devices: devicesOn('cpu', { nodes: 2, each: 8 }) }),
  kindOf({
    key: 'mem',
    rule: 'bytes',
    devices: [{ id: 'root', slot: 'mem', numaNode: null, capacity: 1000n * 64n * 1024n ** 3n }],
  }),
  kindOf({ key: 'cuda', rule: 'whole', devices: devicesOn('cuda.device', { nodes: 2, each: 4 }) }),
];

export function ledgerOf(
  kinds: readonly DeviceKind[],
  more: Partial<LedgerOptions> = {},
): DeviceLedger {
  return new DeviceLedger({
    kinds,
    order: ['cuda', 'rocm', 'tpu', 'cpu', 'mem'],
    policy: 'interleaved',
    reserved: {},
    ...more,
  });
}

/** Gives a kernel what it asks for, or throws the code of the refusal. */
export function give(ledger: DeviceLedger, kernel: string, slots: Slots): Allocations {
  const planned = ledger.plan(slots);
  if (!planned.ok) throw new Error(planned.error.code);
  ledger.hold(kernel, planned.value);
  return planned.value;
}

export function refusalOf(ledger: DeviceLedger, slots: Slots): string {
  const planned = ledger.plan(slots);
  return planned.ok ? 'given' : planned.error.code;
}
