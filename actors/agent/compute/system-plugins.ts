import type {
  ComputeDevice,
  ComputePlugin,
  DeviceFragment,
  GivenDevice,
  KindRules,
} from './compute-plugin.ts';
import { DEVICE } from './device-map.ts';

/** One core of the machine; `numaNode` null: not known. */
export interface Core {
  readonly id: number;
  readonly numaNode: number | null;
}

const NO_QUANTUM = { quantum: 1n, isFragmentable: true, uniqueSlots: [], exclusiveSlots: [] };

/** Cores: a share of time is a limit of the container; the cores themselves are a set that it keeps to. */
export class CpuPlugin implements ComputePlugin {
  readonly key = 'cpu';
  readonly isAccelerator = false;
  readonly rules: KindRules = { rule: 'cores', spread: 'evenly', ...NO_QUANTUM };
  readonly #cores: readonly Core[];
  readonly #options: { readonly overcommit: number; readonly isPinned: boolean };

  constructor(
    cores: readonly Core[],
    options: { readonly overcommit: number; readonly isPinned: boolean },
  ) {
    this.#cores = cores;
    this.#options = options;
  }

  discover(): Promise<readonly ComputeDevice[]> {
    const capacity = DEVICE * BigInt(this.#options.overcommit);
    const devices = this.#cores.map(({ id, numaNode }) => ({
      id: String(id),
      slot: 'cpu',
      numaNode,
      capacity,
      model: 'core',
      memoryBytes: 0,
      processors: 1,
      isolation: 'exclusive' as const,
    }));
    return Promise.resolve(devices);
  }

  fragment(given: readonly GivenDevice[]): DeviceFragment {
    if (given.length === 0 || !this.#options.isPinned) return {};
    const ids = given.map(({ device }) => Number(device.id)).toSorted((one, other) => one - other);
    return { cpuset: ids.join(',') };
  }

  memoryOf(): number {
    return 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
  }
}

/** Memory: one pool; its limit is the container's. */
export class MemoryPlugin implements ComputePlugin {
  readonly key = 'mem';
  readonly isAccelerator = false;
  readonly rules: KindRules = { rule: 'bytes', spread: 'fill', ...NO_QUANTUM };
  readonly #bytes: bigint;

  /** `overcommit`: how often the same memory is promised. */
  constructor(memoryBytes: number, overcommit: number) {
    this.#bytes = BigInt(Math.floor(memoryBytes)) * BigInt(overcommit);
  }

  discover(): Promise<readonly ComputeDevice[]> {
    const device: ComputeDevice = {
      id: 'root',
      slot: 'mem',
      numaNode: null,
      capacity: this.#bytes * DEVICE,
      model: 'memory',
      memoryBytes: Number(this.#bytes),
      processors: null,
      isolation: 'exclusive',
    };
    return Promise.resolve([device]);
  }

  fragment(): DeviceFragment {
    return {};
  }

  memoryOf({ amount }: GivenDevice): number {
    return Number(amount / DEVICE);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
  }
}
