import { join } from 'node:path';
import { type AcceleratorSettings, SettingsInvalid } from '@orrery/bus';
import { AcceleratorRules } from './accelerator.ts';
import type {
  ComputeDevice,
  ComputePlugin,
  DeviceFragment,
  DeviceTarget,
  DeviceUse,
  GivenDevice,
  KindRules,
} from './compute-plugin.ts';
import { DEVICE } from './device-map.ts';
import {
  groupsOf,
  type RocmDie,
  readRocmDies,
  readRocmUse,
  SYSTEM_PATHS,
  type SystemPaths,
} from './rocm-topology.ts';

interface Board {
  readonly dies: readonly RocmDie[];
  readonly groups: readonly string[];
}

/**
 * AMD GPUs as the driver shows them in sysfs: whole boards, each with all of its dies. Undefined where there is no such
 * driver or no device of it. @throws {SettingsInvalid}
 */
export async function openRocm(
  settings: AcceleratorSettings,
  onMissing: (why: string) => void,
  paths: SystemPaths = SYSTEM_PATHS,
): Promise<RocmPlugin | undefined> {
  if (settings.allocationMode === 'fractional')
    throw new SettingsInvalid(
      'agent.compute.accelerators.rocm.allocationMode is discrete: nothing keeps shares of an AMD GPU apart',
    );
  const plugin = new RocmPlugin(new AcceleratorRules('rocm', settings), paths);
  if ((await readRocmDies(paths)).length > 0) return plugin;
  onMissing('the driver of AMD GPUs shows none');
  return undefined;
}

export class RocmPlugin implements ComputePlugin {
  readonly key = 'rocm';
  readonly isAccelerator = true;
  readonly rules: KindRules;
  readonly #accelerator: AcceleratorRules;
  readonly #paths: SystemPaths;
  #boards: ReadonlyMap<string, Board> = new Map();

  constructor(accelerator: AcceleratorRules, paths: SystemPaths) {
    this.rules = accelerator.rules;
    this.#accelerator = accelerator;
    this.#paths = paths;
  }

  async discover(): Promise<readonly ComputeDevice[]> {
    const dies = await readRocmDies(this.#paths);
    const boards = new Map<string, Board>();
    for (const [board, together] of Map.groupBy(dies, (die) => die.board)) {
      if (this.#accelerator.isMasked(board, ...together.map(({ index }) => String(index))))
        continue;
      const files = [this.#common, ...together.map(({ renderPath }) => renderPath)];
      boards.set(board, { dies: together, groups: await groupsOf(files) });
    }
    this.#boards = boards;
    return [...boards].map(([id, { dies: together }]) => this.#device(id, together));
  }

  fragment(given: readonly GivenDevice[], target: DeviceTarget): DeviceFragment {
    const boards = given.flatMap(({ device }) => this.#boards.get(device.id) ?? []);
    if (boards.length === 0) return {};
    const dies = boards.flatMap((board) => board.dies);
    const resources = this.#accelerator.resources(given);
    if (target === 'process') {
      const visible = dies.map(({ index }) => index).join(',');
      return { environ: { ROCR_VISIBLE_DEVICES: visible }, resources };
    }
    return {
      resources,
      devicePaths: [this.#common, ...dies.map(({ renderPath }) => renderPath)],
      groups: [...new Set(boards.flatMap((board) => board.groups))],
    };
  }

  memoryOf(given: GivenDevice): number {
    return this.#accelerator.memoryOf(given);
  }

  async measure(): Promise<ReadonlyMap<string, DeviceUse>> {
    const uses = new Map<string, DeviceUse>();
    for (const [id, { dies }] of this.#boards) {
      const told = await Promise.all(dies.map((die) => readRocmUse(die)));
      const all = (of: (each: (typeof told)[number]) => number | undefined): readonly number[] =>
        told.map(of).filter((value) => value !== undefined);
      uses.set(id, {
        memoryUsedBytes: sum(all(({ memoryUsedBytes }) => memoryUsedBytes)),
        busyPercent: mean(all(({ busyPercent }) => busyPercent)),
        powerWatts: sum(all(({ powerWatts }) => powerWatts)),
        powerLimitWatts: sum(all(({ powerLimitWatts }) => powerLimitWatts)),
        temperatureCelsius: most(all(({ temperatureCelsius }) => temperatureCelsius)),
      });
    }
    return uses;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
  }

  /** Through which programs reach any of them; which ones is decided by the render devices. */
  get #common(): string {
    return join(this.#paths.dev, 'kfd');
  }

  #device(id: string, dies: readonly RocmDie[]): ComputeDevice {
    const [first] = dies;
    const units = dies.map(({ computeUnits }) => computeUnits);
    return {
      id,
      slot: this.#accelerator.slot,
      numaNode: first?.numaNode ?? null,
      capacity: DEVICE,
      model: first?.model ?? 'AMD GPU',
      memoryBytes: dies.reduce((bytes, die) => bytes + die.memoryBytes, 0),
      processors: units.includes(null)
        ? null
        : units.reduce<number>((all, one) => all + (one ?? 0), 0),
      isolation: 'exclusive',
    };
  }
}

function sum(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((all, one) => all + one, 0);
}

function mean(values: readonly number[]): number | undefined {
  const all = sum(values);
  return all === undefined ? undefined : all / values.length;
}

function most(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : Math.max(...values);
}
