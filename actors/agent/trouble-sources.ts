import { statfs } from 'node:fs/promises';
import { freemem, totalmem } from 'node:os';
import type { Clock } from '@orrery/bus';
import type { ContainerDriver } from './container-driver.ts';
import type { Trouble, TroubleSource } from './node-troubles.ts';

const ANSWER_MS_MAX = 5_000;
/** An engine that has answered nothing for this long hangs. */
const SILENCE_MS_MAX = 20_000;
const MEBIBYTE = 1024 * 1024;
/** Kernels get no room of a disk that has less left, or a smaller part of the whole where that is small. */
const DISK_FREE = { bytes: 512 * MEBIBYTE, share: 0.05 } as const;
/** So much more has to be free again. */
const DISK_ENOUGH_FACTOR = 1.5;
/** The same of the machine's memory, as parts of the whole. */
const MEMORY_FREE = { enough: 0.05, short: 0.02 } as const;

/** Whether the engine answers; the first answer after a silence ends it. */
export function engineSilence(
  driver: Pick<ContainerDriver, 'answer'>,
  clock: Clock,
): TroubleSource {
  const code = 'engine-silent';
  let answeredAtMs = clock.nowMs();
  return {
    code,
    async look(signal) {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]);
      const isThere = await (driver.answer?.(limited) ?? Promise.resolve()).then(
        () => true,
        () => false,
      );
      if (isThere) answeredAtMs = clock.nowMs();
      if (clock.nowMs() - answeredAtMs < SILENCE_MS_MAX) return undefined;
      return { code, message: 'the container engine does not answer' };
    },
  };
}

export interface DiskSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Whether there is room for what kernels write; `spaceOf` is asked for each of the paths. */
export function diskShortage(
  paths: readonly string[],
  spaceOf: (path: string) => Promise<DiskSpace | undefined> = readSpace,
): TroubleSource {
  const code = 'disk-short';
  const shortNow = new Set<string>();
  return {
    code,
    async look() {
      for (const path of paths) {
        const { freeBytes, totalBytes } = (await spaceOf(path)) ?? UNSEEN;
        const shortBytes = Math.min(DISK_FREE.bytes, totalBytes * DISK_FREE.share);
        if (freeBytes < shortBytes) shortNow.add(path);
        else if (freeBytes >= shortBytes * DISK_ENOUGH_FACTOR) shortNow.delete(path);
      }
      const [path] = shortNow;
      if (path === undefined) return undefined;
      return { code, message: `hardly anything is free on the disk of ${path}` };
    },
  };
}

/** Whether the machine itself is about to run out of memory, whatever its kernels' limits are. */
export function memoryShortage(
  freeShare: () => number = () => freemem() / totalmem(),
): TroubleSource {
  const code = 'memory-short';
  let isShort = false;
  const trouble: Trouble = {
    code,
    message: `less than ${MEMORY_FREE.short * 100} % of the machine's memory are free`,
  };
  return {
    code,
    async look() {
      const share = freeShare();
      if (share < MEMORY_FREE.short) isShort = true;
      else if (share >= MEMORY_FREE.enough) isShort = false;
      return await Promise.resolve(isShort ? trouble : undefined);
    },
  };
}

const UNSEEN: DiskSpace = { freeBytes: 0, totalBytes: 0 };

/** Undefined where it cannot be seen: the engine's own directory may be on another machine. */
async function readSpace(path: string): Promise<DiskSpace | undefined> {
  try {
    const { bavail, blocks, bsize } = await statfs(path);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch {
    return undefined;
  }
}
