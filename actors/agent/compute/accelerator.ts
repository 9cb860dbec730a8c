import type { AcceleratorSettings } from '@orrery/bus';
import type { GivenDevice, KindRules } from './compute-plugin.ts';
import { DEVICE } from './device-map.ts';
import { limitsOf, type ShareUnits, shareUnits } from './shares.ts';

/** What holds for every kind of accelerator that is given whole, in slices, or in shares. */
export class AcceleratorRules {
  readonly key: string;
  readonly units: ShareUnits;
  readonly isFractional: boolean;
  readonly #settings: AcceleratorSettings;

  /** @throws {SettingsInvalid} */
  constructor(key: string, settings: AcceleratorSettings) {
    this.key = key;
    this.units = shareUnits(key, settings);
    this.isFractional = settings.allocationMode === 'fractional';
    this.#settings = settings;
  }

  get slot(): string {
    return this.isFractional ? `${this.key}.shares` : `${this.key}.device`;
  }

  get rules(): KindRules {
    const { spread, isFragmentable } = this.#settings;
    const sliced = `${this.key}.mig-*`;
    return {
      rule: this.isFractional ? 'shares' : 'whole',
      spread,
      quantum: this.units.quantum,
      isFragmentable,
      uniqueSlots: [sliced],
      exclusiveSlots: [`${this.key}.device`, `${this.key}.shares`, sliced],
    };
  }

  /** By any of the names that a device has. */
  isMasked(...names: readonly string[]): boolean {
    return names.some((name) => this.#settings.deviceMask.includes(name));
  }

  /** Slot of a slice: `1g.10gb` is `cuda.mig-1g-10gb`. */
  sliceSlot(profile: string): string {
    return `${this.key}.mig-${profile.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`;
  }

  memoryOf(given: GivenDevice): number {
    if (!this.#isShare(given)) return given.device.memoryBytes;
    return Math.min(limitsOf(given.amount, this.units).memoryBytes, given.device.memoryBytes);
  }

  /** Lines of `resource.txt`: which devices these are on the node, and what their shares stand for. */
  resources(given: readonly GivenDevice[]): Readonly<Record<string, string>> {
    const name = this.key.toUpperCase();
    const numbered = (text: (each: GivenDevice) => string | number): string =>
      given.map((each, place) => `${place}:${text(each)}`).join(',');
    const shared = given.filter((each) => this.#isShare(each));
    return {
      [`${name}_GLOBAL_DEVICE_IDS`]: numbered(({ device }) => device.id),
      [`${name}_RESOURCE_VIRTUALIZED`]: shared.length === 0 ? '0' : '1',
      ...(shared.length === 0
        ? {}
        : {
            [`${name}_MEMORY_LIMITS`]: numbered((each) => this.memoryOf(each)),
            [`${name}_PROCESSOR_LIMITS`]: numbered(
              ({ amount }) => limitsOf(amount, this.units).processors,
            ),
            [`${name}_RESERVED_MEMORY`]: String(this.units.reservedBytes),
          }),
    };
  }

  #isShare({ device }: GivenDevice): boolean {
    return device.slot === `${this.key}.shares`;
  }
}

/** The part of a device in percent, at least 1. */
export function percentOf({ device, amount }: GivenDevice): number {
  const percent = Number((amount * 100n) / (device.capacity === 0n ? DEVICE : device.capacity));
  return Math.min(100, Math.max(1, percent));
}
