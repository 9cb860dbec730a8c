import { readFileSync, statfsSync } from 'node:fs';
import type { Measured } from './metric-book.ts';
import { readNetwork } from './network-counters.ts';

/** The unit of `/proc/stat` on every Linux there is: hundredths of a second. */
const MS_PER_TICK = 10;
const KIBIBYTE = 1024;
/** File systems that hold nothing of their own, or nothing that lasts. */
const PASSED_OVER = new Set(['vfat', 'lxcfs', 'squashfs', 'tmpfs', 'iso9660']);
const TRANSIENT = /\/docker\/|\/containerd\//;

export interface NodeUsage {
  readonly metrics: Readonly<Record<string, Measured>>;
  /** By key, then by device. */
  readonly devices: Readonly<Record<string, Readonly<Record<string, Measured>>>>;
}

/** `elapsedMs`: since the last reading, the capacity of one core's time. */
export function readNodeUsage(elapsedMs: number | undefined): NodeUsage {
  const cores = parseCores(readFileSync('/proc/stat', 'utf8'));
  const capacity = elapsedMs;
  const busyMs = Object.values(cores).reduce((sum, ms) => sum + ms, 0);
  const memory = parseMemory(readFileSync('/proc/meminfo', 'utf8'));
  const disks = readDisks(readFileSync('/proc/self/mounts', 'utf8'));
  const network = readNetwork('self');
  const inUse = Object.values(disks);
  return {
    metrics: {
      cpu_util: { value: busyMs, capacity },
      mem: memory,
      disk: {
        value: inUse.reduce((sum, { value }) => sum + value, 0),
        capacity: inUse.reduce((sum, each) => sum + (each.capacity ?? 0), 0),
      },
      ...(network === undefined
        ? {}
        : { net_rx: { value: network.receivedBytes }, net_tx: { value: network.sentBytes } }),
    },
    devices: {
      cpu_util: Object.fromEntries(
        Object.entries(cores).map(([core, value]) => [core, { value, capacity }]),
      ),
      mem: { root: memory },
      disk: disks,
    },
  };
}

/** Busy milliseconds (in user and system mode) since the machine came up, by core. */
export function parseCores(stat: string): Readonly<Record<string, number>> {
  const cores: Record<string, number> = {};
  for (const [, core = '', user = '', system = ''] of stat.matchAll(/^cpu(\d+) (\d+) \d+ (\d+) /gm))
    cores[core] = (Number(user) + Number(system)) * MS_PER_TICK;
  return cores;
}

/** In use is what is not available: caches can be taken back. */
export function parseMemory(meminfo: string): Measured {
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(meminfo)?.[1] ?? 0) * KIBIBYTE;
  const capacity = bytes('MemTotal');
  return { value: capacity - bytes('MemAvailable'), capacity };
}

/** Bytes by block device; each counts once, wherever it is mounted. */
function readDisks(mounts: string): Readonly<Record<string, Measured>> {
  const disks: Record<string, Measured> = {};
  for (const { device, point } of diskMounts(mounts)) {
    if (disks[device] !== undefined) continue;
    try {
      const { bsize, blocks, bavail } = statfsSync(point);
      disks[device] = { value: bsize * (blocks - bavail), capacity: bsize * blocks };
    } catch {
      // It was unmounted, or may not be looked at.
    }
  }
  return disks;
}

export function diskMounts(
  mounts: string,
): readonly { readonly device: string; readonly point: string }[] {
  return mounts.split('\n').flatMap((line) => {
    const [device = '', point = '', type = ''] = line.split(' ');
    const isDisk = device.startsWith('/dev/') && !PASSED_OVER.has(type) && !TRANSIENT.test(point);
    return isDisk ? [{ device, point: point.replaceAll('\\040', ' ') }] : [];
  });
}
