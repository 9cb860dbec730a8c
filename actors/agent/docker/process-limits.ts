import { readFile } from 'node:fs/promises';
import type { Ulimit } from './container-options.ts';

const OPEN_FILES_MAX = 1_048_576;
const UNLIMITED = -1;

/**
 * Limits for a container's processes: as high as is useful, and never above what this agent itself may
 * have, for an engine in the same surroundings could not grant more. `limits` is `/proc/self/limits`.
 */
export function containerUlimits(limits: string): readonly Ulimit[] {
  const openFiles = hardLimit(limits, 'Max open files');
  const lockedBytes = hardLimit(limits, 'Max locked memory');
  const ulimits: Ulimit[] = [];
  if (openFiles !== undefined) {
    const most = openFiles === UNLIMITED ? OPEN_FILES_MAX : Math.min(openFiles, OPEN_FILES_MAX);
    ulimits.push({ Name: 'nofile', Soft: most, Hard: most });
  }
  if (lockedBytes !== undefined)
    ulimits.push({ Name: 'memlock', Soft: lockedBytes, Hard: lockedBytes });
  return ulimits;
}

/** Undefined where the text does not tell. */
function hardLimit(limits: string, name: string): number | undefined {
  const line = limits.split('\n').find((candidate) => candidate.startsWith(name));
  const [, hard] = line?.slice(name.length).trim().split(/\s+/) ?? [];
  if (hard === undefined) return undefined;
  return hard === 'unlimited' ? UNLIMITED : Number(hard);
}

/** Of this process; empty where the system does not tell. */
export async function ownLimits(): Promise<string> {
  try {
    return await readFile('/proc/self/limits', 'utf8');
  } catch {
    return '';
  }
}
