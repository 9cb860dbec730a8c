import { type AcceleratorSettings, parseByteSize, SettingsInvalid } from '@orrery/bus';
import { DEVICE, smallest } from './device-map.ts';

/** What a share of a device stands for, in whole numbers. */
export interface ShareUnits {
  readonly memoryBytes: bigint;
  readonly processors: bigint;
  readonly reservedBytes: bigint;
  /** Thousandths. */
  readonly quantum: bigint;
}

const PROCESSORS_MIN = 4n;
const MEMORY_MIN = 512n * 1024n ** 2n;

/** @throws {SettingsInvalid} naming the setting. */
export function shareUnits(key: string, settings: AcceleratorSettings): ShareUnits {
  const at = `agent.compute.accelerators.${key}`;
  const memoryBytes = parseByteSize(settings.unitMemory) ?? 0n;
  if (memoryBytes < MEMORY_MIN)
    throw new SettingsInvalid(`${at}.unitMemory is at least 512m: ${settings.unitMemory}`);
  const quantum = BigInt(Math.round(Number(settings.quantum) * Number(DEVICE)));
  if (quantum <= 0n) throw new SettingsInvalid(`${at}.quantum is above 0: ${settings.quantum}`);
  return {
    memoryBytes,
    processors: BigInt(settings.unitProcessors),
    reservedBytes: parseByteSize(settings.reservedMemory) ?? 0n,
    quantum,
  };
}

/** Shares of one device in thousandths, a multiple of the quantum: as many as both its memory and its processors allow. */
export function sharesOf(
  device: { readonly memoryBytes: number; readonly processors: number | null },
  units: ShareUnits,
): bigint {
  const byMemory = (BigInt(device.memoryBytes) * DEVICE) / units.memoryBytes;
  const byProcessors =
    device.processors === null ? byMemory : (BigInt(device.processors) * DEVICE) / units.processors;
  const shares = smallest(byMemory, byProcessors);
  return shares - (shares % units.quantum);
}

/** Memory and processors of a share (reference: never fewer than 4 processors). */
export function limitsOf(
  amount: bigint,
  units: ShareUnits,
): { readonly memoryBytes: number; readonly processors: number } {
  const processors = (units.processors * amount) / DEVICE;
  return {
    memoryBytes: Number((units.memoryBytes * amount) / DEVICE),
    processors: Number(processors < PROCESSORS_MIN ? PROCESSORS_MIN : processors),
  };
}
