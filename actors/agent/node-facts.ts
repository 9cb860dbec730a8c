import { type NodeFacts, parseByteSize, SettingsInvalid, Slots, subtractSlots } from '@orrery/bus';
import type { ContainerDriver, EngineCapacity } from './container-driver.ts';

const AGENT_VERSION = '0.1.0';
const MEMORY_ALIGNMENT_BYTES = 64n * 1024n * 1024n;

export interface Reservation {
  readonly resourceGroup: string;
  /** Cores, as decimal text. */
  readonly reservedCpu: string;
  /** Bytes with a unit. */
  readonly reservedMemory: string;
}

/**
 * What this node offers: what its engine has, less what is reserved.
 * @throws {SettingsInvalid} when a reservation is no amount, or leaves nothing.
 */
export function nodeFacts(
  driver: ContainerDriver['name'],
  capacity: EngineCapacity,
  reservation: Reservation,
): NodeFacts {
  const { resourceGroup, reservedCpu, reservedMemory } = reservation;
  const reservedBytes = parseByteSize(reservedMemory);
  if (reservedBytes === undefined)
    throw new SettingsInvalid(`agent.reservedMemory is no size: ${reservedMemory}`);
  const reservedSlots = Slots.safeParse({ cpu: reservedCpu });
  if (!reservedSlots.success)
    throw new SettingsInvalid(`agent.reservedCpu is no number of cores: ${reservedCpu}`);
  const { cpu = '0' } = subtractSlots({ cpu: String(capacity.cores) }, reservedSlots.data);
  const freeBytes = BigInt(Math.floor(capacity.memoryBytes)) - reservedBytes;
  const memoryBytes = freeBytes - (freeBytes % MEMORY_ALIGNMENT_BYTES);
  if (cpu.startsWith('-') || cpu === '0' || memoryBytes <= 0n)
    throw new SettingsInvalid('the reservations of the agent leave nothing of the machine');
  return {
    driver,
    architecture: capacity.architecture,
    resourceGroup,
    slots: { cpu, mem: String(memoryBytes) },
    version: AGENT_VERSION,
  };
}
