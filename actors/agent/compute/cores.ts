import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Core } from './system-plugins.ts';

const OWN_STATUS = '/proc/self/status';
const NUMA_NODES = '/sys/devices/system/node';

/**
 * The cores of this machine with their NUMA nodes. Where the engine counts other cores than this process sees (it runs
 * elsewhere), they are numbered from 0 and their nodes are not known.
 */
export function coresOf(
  count: number,
  paths: { readonly status: string; readonly numaNodes: string } = {
    status: OWN_STATUS,
    numaNodes: NUMA_NODES,
  },
): readonly Core[] {
  const allowed = /^Cpus_allowed_list:\s*(?<list>\S+)$/m.exec(read(paths.status))?.groups?.['list'];
  const ids = parseCpuList(allowed ?? '');
  if (ids.length !== count)
    return Array.from({ length: count }, (_, id) => ({ id, numaNode: null }));
  const nodes = numaNodes(paths.numaNodes);
  return ids.map((id) => ({ id, numaNode: nodes.get(id) ?? null }));
}

/** `0-2,5` as the kernel writes it. */
export function parseCpuList(list: string): readonly number[] {
  return list
    .trim()
    .split(',')
    .filter((part) => /^\d+(-\d+)?$/.test(part))
    .flatMap((part) => {
      const [first = 0, last = first] = part.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, place) => first + place);
    });
}

function numaNodes(root: string): ReadonlyMap<number, number> {
  const nodes = new Map<number, number>();
  for (const name of list(root)) {
    const node = /^node(?<number>\d+)$/.exec(name)?.groups?.['number'];
    if (node === undefined) continue;
    for (const core of parseCpuList(read(join(root, name, 'cpulist'))))
      nodes.set(core, Number(node));
  }
  return nodes;
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    // A kernel without NUMA has no such directory.
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
