import { fromAmounts, type Result, type Slots, toAmounts } from '@orrery/bus';
import { allocate, type NodeMap } from './allocate.ts';
import {
  type AllocationRefusal,
  type Allocations,
  type DeviceKind,
  type MapDevice,
  smallest,
} from './device-map.ts';

/** Holds what is not for kernels; no kernel has such a name. */
const RESERVED = '(reserved)';

export interface LedgerOptions extends Pick<NodeMap, 'order' | 'policy'> {
  readonly kinds: readonly DeviceKind[];
  /** Kept for the system, of the first devices of each slot. */
  readonly reserved: Slots;
}

/** A device of which more is held than it has. */
export interface Overdraft {
  readonly slot: string;
  readonly device: string;
  readonly holders: readonly string[];
}

/** Who holds what of the devices of one node. Knows nothing but what it is told; the same tellings give the same state. */
export class DeviceLedger {
  readonly #options: LedgerOptions;
  #kinds: readonly DeviceKind[];
  readonly #held = new Map<string, Allocations>();
  readonly #used = new Map<string, bigint>();

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#kinds = options.kinds;
    this.hold(RESERVED, reservation(options.kinds, options.reserved));
  }

  /** What a kernel of these slots would be given, also in pieces or not; changes nothing. */
  plan(slots: Slots, isFragmentable = true): Result<Allocations, AllocationRefusal> {
    const { order, policy } = this.#options;
    const whole = (kind: DeviceKind): DeviceKind => ({ ...kind, isFragmentable: false });
    const kinds = isFragmentable ? this.#kinds : this.#kinds.map(whole);
    return allocate({ kinds, order, policy, freeOf: this.#freeOf }, slots);
  }

  /** In place of what the kernel held before. */
  hold(kernel: string, allocations: Allocations): void {
    this.free(kernel);
    this.#held.set(kernel, allocations);
    this.#add(allocations, 1n);
  }

  /** Nothing to do is fine. */
  free(kernel: string): void {
    const allocations = this.#held.get(kernel);
    if (allocations === undefined) return;
    this.#held.delete(kernel);
    this.#add(allocations, -1n);
  }

  find(kernel: string): Allocations | undefined {
    return this.#held.get(kernel);
  }

  /** By kernel, in the order of their names. */
  holders(): Readonly<Record<string, Allocations>> {
    const kernels = [...this.#held.keys()].filter((kernel) => kernel !== RESERVED).toSorted();
    return Object.fromEntries(kernels.map((kernel) => [kernel, this.#held.get(kernel) ?? {}]));
  }

  /** What there is for kernels, by slot. A device that is gone counts no more, whoever holds it. */
  offer(): Slots {
    const total: Record<string, bigint> = {};
    for (const { slot, capacity } of this.#devices()) total[slot] = (total[slot] ?? 0n) + capacity;
    for (const [slot, devices] of Object.entries(this.#held.get(RESERVED) ?? {}))
      for (const amount of Object.values(toAmounts(devices)))
        total[slot] = (total[slot] ?? 0n) - amount;
    return fromAmounts(total);
  }

  /** The devices there are now. What is held of those that are gone stays held until it is freed. */
  replaceKinds(kinds: readonly DeviceKind[]): void {
    this.#kinds = kinds;
    this.hold(RESERVED, reservation(kinds, this.#options.reserved));
  }

  /** Devices that were given twice, as restored facts may say. */
  overdrafts(): readonly Overdraft[] {
    return this.#devices()
      .filter((device) => this.#freeOf(device) < 0n)
      .map(({ slot, id }) => ({
        slot,
        device: id,
        holders: [...this.#held]
          .filter(([, allocations]) => allocations[slot]?.[id] !== undefined)
          .map(([kernel]) => kernel),
      }));
  }

  readonly #freeOf = ({ slot, id, capacity }: MapDevice): bigint =>
    capacity - (this.#used.get(`${slot} ${id}`) ?? 0n);

  #devices(): readonly MapDevice[] {
    return this.#kinds.flatMap(({ devices }) => devices);
  }

  #add(allocations: Allocations, sign: bigint): void {
    for (const [slot, devices] of Object.entries(allocations))
      for (const [id, amount] of Object.entries(toAmounts(devices))) {
        const key = `${slot} ${id}`;
        const used = (this.#used.get(key) ?? 0n) + sign * amount;
        if (used === 0n) this.#used.delete(key);
        else this.#used.set(key, used);
      }
  }
}

/** As much of the first devices of each slot; of a slot that has less, all. */
function reservation(kinds: readonly DeviceKind[], reserved: Slots): Allocations {
  const taken: Record<string, Slots> = {};
  for (const [slot, amount] of Object.entries(toAmounts(reserved))) {
    let left = amount;
    const amounts: Record<string, bigint> = {};
    for (const device of kinds.flatMap(({ devices }) => devices)) {
      if (device.slot !== slot || left === 0n) continue;
      const part = smallest(device.capacity, left);
      amounts[device.id] = part;
      left -= part;
    }
    taken[slot] = fromAmounts(amounts);
  }
  return taken;
}
