import type { KernelSpec } from '@orrery/bus';
import type { DeviceGrant } from './compute/kernel-devices.ts';

const SUFFIXES = ['', 'k', 'm', 'g', 't', 'p', 'e'];
const STEP = 1024;
/** Slots whose amounts are bytes. */
const BYTE_SLOTS: ReadonlySet<string> = new Set(['mem']);

export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly mode: 'ro' | 'rw';
}

/** `resource.txt` in the config directory, as programs of Backend.AI's images read it. */
export function resourceText(
  { slots }: Pick<KernelSpec, 'slots'>,
  grant: DeviceGrant | undefined,
  mounts: readonly Mount[],
): string {
  const shares = Object.entries(grant?.allocations ?? {}).map(([slot, devices]) => {
    const parts = Object.entries(devices).map(
      ([device, amount]) =>
        `${device}:${BYTE_SLOTS.has(slot) ? scaledSize(Number(amount)) : amount}`,
    );
    return [`${slot.toUpperCase()}_SHARES`, parts.join(',')] as const;
  });
  const lines: readonly (readonly [string, string])[] = [
    ['SCRATCH_SIZE', '0m'],
    ['MOUNTS', mounts.map(({ source, target, mode }) => `${source}:${target}:${mode}`).join(',')],
    ['SLOTS', JSON.stringify(slots)],
    ['UNIFIED_DEVICES', '[]'],
    ...shares,
    ...Object.entries(grant?.fragment.resources ?? {}),
  ];
  return lines.map(([key, value]) => `${key}=${value}\n`).join('');
}

/** The largest power of 1024 that fits, with up to two decimals: `1536m` is `1.5g`. */
export function scaledSize(bytes: number): string {
  let size = bytes;
  let power = 0;
  while (size >= STEP && power < SUFFIXES.length - 1) {
    size /= STEP;
    power += 1;
  }
  return `${size.toFixed(2).replace(/\.?0+$/, '')}${SUFFIXES[power] ?? ''}`;
}
