import {
  type EngineFacts,
  type NodeFacts,
  type NodeTrouble,
  parseByteSize,
  SettingsInvalid,
  Slots,
  subtractSlots,
} from '@orrery/bus';
import type { NodeDevices } from './compute/node-devices.ts';
import type { ContainerDriver, EngineCapacity } from './container-driver.ts';

const AGENT_VERSION = '0.1.0';
const MEMORY_ALIGNMENT_BYTES = 64n * 1024n * 1024n;

export interface Reservation {
  readonly resourceGroup: string;
  /** Cores, as decimal text. */
  readonly reservedCpu: string;
  /** Bytes with a unit. */
  readonly reservedMemory: string;
  readonly containersMax?: number | undefined;
}

/**
 * What is not for kernels: what the settings reserve, and of memory what is left over by the alignment.
 * @throws {SettingsInvalid} when a reservation is no amount, or leaves nothing.
 */
export function reservedSlots(capacity: EngineCapacity, reservation: Reservation): Slots {
  const { reservedCpu, reservedMemory } = reservation;
  const reservedBytes = parseByteSize(reservedMemory);
  if (reservedBytes === undefined)
    throw new SettingsInvalid(`agent.reservedMemory is no size: ${reservedMemory}`);
  const reserved = Slots.safeParse({ cpu: reservedCpu });
  if (!reserved.success)
    throw new SettingsInvalid(`agent.reservedCpu is no number of cores: ${reservedCpu}`);
  const totalBytes = BigInt(Math.floor(capacity.memoryBytes));
  const freeBytes = totalBytes - reservedBytes;
  const offeredBytes = freeBytes - (freeBytes % MEMORY_ALIGNMENT_BYTES);
  const { cpu = '0' } = subtractSlots({ cpu: String(capacity.cores) }, reserved.data);
  if (cpu.startsWith('-') || cpu === '0' || offeredBytes <= 0n)
    throw new SettingsInvalid('the reservations of the agent leave nothing of the machine');
  return { cpu: reservedCpu, mem: String(totalBytes - offeredBytes) };
}

/**
 * What this node offers: what its engine has, less what is reserved, and where its devices are counted, those.
 * @throws {SettingsInvalid} as `reservedSlots`.
 */
export function nodeFacts(
  driver: ContainerDriver['name'],
  capacity: EngineCapacity,
  reservation: Reservation,
  parts: {
    readonly devices?: Pick<NodeDevices, 'slots' | 'accelerators'> | undefined;
    readonly engine?: EngineFacts | undefined;
    readonly troubles?: readonly NodeTrouble[] | undefined;
  } = {},
): NodeFacts {
  const { devices, engine, troubles = [] } = parts;
  const reserved = reservedSlots(capacity, reservation);
  const mem = String(Math.floor(capacity.memoryBytes));
  const all = { cpu: String(capacity.cores), mem };
  const accelerators = devices?.accelerators ?? [];
  return {
    driver,
    architecture: capacity.architecture,
    resourceGroup: reservation.resourceGroup,
    slots: devices?.slots ?? subtractSlots(all, reserved),
    version: AGENT_VERSION,
    ...(reservation.containersMax === undefined
      ? {}
      : { containersMax: reservation.containersMax }),
    ...(accelerators.length === 0 ? {} : { devices: [...accelerators] }),
    ...(engine === undefined ? {} : { engine }),
    ...(troubles.length === 0 ? {} : { troubles: [...troubles] }),
  };
}
