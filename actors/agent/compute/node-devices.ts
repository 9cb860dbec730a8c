import {
  compareAmounts,
  fromAmounts,
  type HeldDevice,
  type Logger,
  type NodeDevice,
  type Slots,
  toAmounts,
} from '@orrery/bus';
import { DevicesRefused } from '../errors.ts';
import type { ComputeDevice, ComputePlugin, DeviceTarget, GivenDevice } from './compute-plugin.ts';
import { DeviceLedger } from './device-ledger.ts';
import type { AffinityPolicy, Allocations, DeviceKind } from './device-map.ts';
import { type AcceleratorUsage, acceleratorUsage } from './device-metrics.ts';
import {
  acceleratorEnviron,
  type DeviceGrant,
  hidingEnviron,
  type KernelDevices,
  mergeFragments,
} from './kernel-devices.ts';

export interface NodeDevicesOptions {
  readonly plugins: readonly ComputePlugin[];
  readonly target: DeviceTarget;
  readonly order: readonly string[];
  readonly policy: AffinityPolicy;
  readonly reserved: Slots;
  readonly logger: Logger;
}

/** The devices of one node: what there is, who holds what, and what a kernel needs to use what it holds. */
export class NodeDevices implements AsyncDisposable {
  readonly #options: NodeDevicesOptions;
  readonly #ledger: DeviceLedger;
  #found: ReadonlyMap<string, readonly ComputeDevice[]>;

  private constructor(
    options: NodeDevicesOptions,
    found: ReadonlyMap<string, readonly ComputeDevice[]>,
  ) {
    const { plugins, order, policy, reserved } = options;
    this.#options = options;
    this.#found = found;
    this.#ledger = new DeviceLedger({ kinds: kindsOf(plugins, found), order, policy, reserved });
  }

  static async open(options: NodeDevicesOptions, signal: AbortSignal): Promise<NodeDevices> {
    return new NodeDevices(options, await discover(options.plugins, signal));
  }

  /** What there is for kernels, by slot. */
  get slots(): Slots {
    return this.#ledger.offer();
  }

  get accelerators(): readonly NodeDevice[] {
    return this.#options.plugins
      .filter(({ isAccelerator }) => isAccelerator)
      .flatMap(({ key }) => this.#found.get(key) ?? [])
      .map(({ id, slot, capacity, model, memoryBytes, numaNode, isolation }) => {
        const amount = fromAmounts({ amount: capacity })['amount'] ?? '0';
        return { id, slot, amount, model, memoryBytes, numaNode, isolation };
      });
  }

  /** Looks again; whether anything changed. What is held of what is gone stays held. */
  async refresh(signal: AbortSignal): Promise<boolean> {
    const before = JSON.stringify([this.slots, this.accelerators]);
    this.#found = await discover(this.#options.plugins, signal);
    this.#ledger.replaceKinds(kindsOf(this.#options.plugins, this.#found));
    return JSON.stringify([this.slots, this.accelerators]) !== before;
  }

  /** What the kernel holds already, or new devices for it. @throws {DevicesRefused} */
  assign(kernel: string, slots: Slots, isFragmentable?: boolean): DeviceGrant {
    const held = this.#ledger.find(kernel);
    if (held !== undefined) return this.#grant(held);
    const planned = this.#ledger.plan(slots, isFragmentable);
    if (!planned.ok) throw new DevicesRefused(planned.error);
    this.#ledger.hold(kernel, planned.value);
    return this.#grant(planned.value);
  }

  free(kernel: string): void {
    this.#ledger.free(kernel);
  }

  /** By kernel. */
  holders(): Readonly<Record<string, Allocations>> {
    return this.#ledger.holders();
  }

  /** As it is written on the containers there are. What is wrong in that is told aloud, and nothing is given twice for it. */
  restore(
    found: readonly { readonly kernel: string; readonly devices?: KernelDevices | undefined }[],
  ): void {
    for (const { kernel, devices } of found) {
      if (devices === undefined || this.#ledger.find(kernel) !== undefined) continue;
      this.#ledger.hold(kernel, devices.allocations);
    }
    for (const overdraft of this.#ledger.overdrafts())
      this.#options.logger.error(overdraft, 'more of a device is held than there is of it');
  }

  /** Says aloud when a kernel holds other amounts than the control plane placed there. */
  check(kernel: string, slots: Slots): void {
    const held = this.#ledger.find(kernel);
    if (held === undefined) return;
    const sums = Object.fromEntries(
      Object.entries(held).map(([slot, devices]) => [slot, sumOf(devices)]),
    );
    const known = new Set(this.#options.plugins.flatMap(({ key }) => this.#slotsOf(key)));
    const differing = Object.keys({ ...slots, ...sums }).filter(
      (slot) => known.has(slot) && compareAmounts(slots[slot], sums[slot]) !== 0,
    );
    if (differing.length === 0) return;
    const { logger } = this.#options;
    logger.error(
      { kernel, placed: slots, held: sums, differing },
      'a kernel holds other amounts than it was placed with',
    );
  }

  /** What the accelerators do now, each for itself and for who holds it. */
  async measure(signal: AbortSignal): Promise<AcceleratorUsage> {
    const used: Parameters<typeof acceleratorUsage>[0][number][] = [];
    for (const plugin of this.#options.plugins) {
      const uses = await plugin.measure?.(signal);
      if (uses === undefined) continue;
      for (const device of this.#found.get(plugin.key) ?? []) {
        const use = uses.get(device.id);
        if (use !== undefined) used.push({ plugin, device, use });
      }
    }
    const heldBy = Object.entries(this.holders()).map(([kernel, held]) => {
      const ids = used.filter(({ device }) => held[device.slot]?.[device.id] !== undefined);
      return [kernel, new Set(ids.map(({ device }) => device.id))] as const;
    });
    return acceleratorUsage(used, new Map(heldBy));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const plugin of this.#options.plugins) await plugin[Symbol.asyncDispose]();
  }

  #slotsOf(key: string): readonly string[] {
    return (this.#found.get(key) ?? []).map(({ slot }) => slot);
  }

  #grant(allocations: Allocations): DeviceGrant {
    const { plugins, target } = this.#options;
    const parts = plugins.map((plugin) => ({ plugin, given: this.#given(plugin, allocations) }));
    const held = parts
      .filter(({ plugin }) => plugin.isAccelerator)
      .flatMap(({ plugin, given }) => given.map((each) => heldDevice(plugin, each)));
    const fragment = mergeFragments(
      parts.map(({ plugin, given }) => plugin.fragment(given, target)),
    );
    const environ = {
      ...hidingEnviron(target),
      ...acceleratorEnviron(held),
      ...fragment.environ,
    };
    return { allocations: copyOf(allocations), held, fragment: { ...fragment, environ } };
  }

  /** In the order in which the plugin tells them. */
  #given({ key }: ComputePlugin, allocations: Allocations): readonly GivenDevice[] {
    return (this.#found.get(key) ?? []).flatMap((device) => {
      const amount = toAmounts({ held: allocations[device.slot]?.[device.id] ?? '0' })['held'];
      return amount === undefined || amount === 0n ? [] : [{ device, amount }];
    });
  }
}

function heldDevice(plugin: ComputePlugin, given: GivenDevice): HeldDevice {
  const { id, slot, model } = given.device;
  const amount = fromAmounts({ amount: given.amount })['amount'] ?? '0';
  return { id, slot, amount, model, memoryBytes: plugin.memoryOf(given) };
}

async function discover(
  plugins: readonly ComputePlugin[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly ComputeDevice[]>> {
  const found = new Map<string, readonly ComputeDevice[]>();
  for (const plugin of plugins) found.set(plugin.key, await plugin.discover(signal));
  return found;
}

function kindsOf(
  plugins: readonly ComputePlugin[],
  found: ReadonlyMap<string, readonly ComputeDevice[]>,
): readonly DeviceKind[] {
  return plugins.map(({ key, rules }) => ({ key, ...rules, devices: found.get(key) ?? [] }));
}

function sumOf(devices: Slots): string {
  const sum = Object.values(toAmounts(devices)).reduce((total, each) => total + each, 0n);
  return fromAmounts({ sum })['sum'] ?? '0';
}

function copyOf(allocations: Allocations): Record<string, Record<string, string>> {
  return Object.fromEntries(
    Object.entries(allocations).map(([slot, devices]) => [slot, { ...devices }]),
  );
}
