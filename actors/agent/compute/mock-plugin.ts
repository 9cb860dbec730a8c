import { type AcceleratorSettings, parseByteSize, SettingsInvalid } from '@orrery/bus';
import { AcceleratorRules } from './accelerator.ts';
import type {
  ComputeDevice,
  ComputePlugin,
  DeviceFragment,
  GivenDevice,
  KindRules,
} from './compute-plugin.ts';
import { DEVICE } from './device-map.ts';
import type { MockFile } from './mock-file.ts';
import { sharesOf } from './shares.ts';

const MULTIPROCESSORS_MIN = '4';

/** Pretended devices, which behave in everything but computing: none is ever there. */
export class MockPlugin implements ComputePlugin {
  readonly key: string;
  readonly isAccelerator = true;
  readonly rules: KindRules;
  readonly #accelerator: AcceleratorRules;
  readonly #devices: readonly ComputeDevice[];

  /** @throws {SettingsInvalid} when the file has no format for the mode of allocation. */
  constructor(file: MockFile, settings: AcceleratorSettings) {
    const accelerator = new AcceleratorRules(file.slot_name, settings);
    const form = accelerator.isFractional ? 'shares' : 'device';
    const hasWhole = file.devices.some((device) => device.is_mig_device !== true);
    if (hasWhole && file.formats[form] === undefined)
      throw new SettingsInvalid(
        `the mock accelerator ${file.slot_name} needs formats.${form} for its allocation mode`,
      );
    this.key = file.slot_name;
    this.rules = accelerator.rules;
    this.#accelerator = accelerator;
    this.#devices = devicesOf(file, accelerator);
  }

  discover(): Promise<readonly ComputeDevice[]> {
    return Promise.resolve(this.#devices);
  }

  /** The real devices of the node, if there are any, stay hidden: they are nobody's. */
  fragment(given: readonly GivenDevice[]): DeviceFragment {
    if (given.length === 0) return {};
    const ids = given.map(({ device }) => device.id).join(',');
    return {
      resources: this.#accelerator.resources(given),
      ...(this.key === 'cuda'
        ? {
            environ: {
              TF_MIN_GPU_MULTIPROCESSOR_COUNT: MULTIPROCESSORS_MIN,
              BACKENDAI_MOCK_CUDA_DEVICES: ids,
              BACKENDAI_MOCK_CUDA_DEVICE_COUNT: String(given.length),
            },
          }
        : {}),
    };
  }

  memoryOf(given: GivenDevice): number {
    return this.#accelerator.memoryOf(given);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
  }
}

function devicesOf(file: MockFile, accelerator: AcceleratorRules): readonly ComputeDevice[] {
  const slices = new Map<string, number>();
  const found: ComputeDevice[] = [];
  for (const device of file.devices) {
    const { mother_uuid: uuid, model_name: model, numa_node: numaNode } = device;
    const memoryBytes = Number(parseByteSize(device.memory_size) ?? 0n);
    const processors = device.subproc_count;
    const shared = { numaNode, model, memoryBytes, processors, isolation: 'pretended' as const };
    if (device.is_mig_device === true) {
      const place = slices.get(uuid) ?? 0;
      slices.set(uuid, place + 1);
      const id = `MIG-${uuid}/${place}/0`;
      if (accelerator.isMasked(id, uuid)) continue;
      const slot = accelerator.sliceSlot(model.replace(/^MIG-/, ''));
      found.push({ id, slot, capacity: DEVICE, ...shared });
    } else if (!accelerator.isMasked(uuid)) {
      const { isFractional, slot, units } = accelerator;
      const capacity = isFractional ? sharesOf({ memoryBytes, processors }, units) : DEVICE;
      found.push({ id: uuid, slot, capacity, ...shared });
    }
  }
  return found;
}
