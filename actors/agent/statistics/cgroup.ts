import { join } from 'node:path';
import { readText } from './read-text.ts';

/** Where the files of a process' control group are, by what they are read for. */
export interface Cgroup {
  readonly version: 1 | 2;
  readonly cpu: string;
  readonly memory: string;
  /** Undefined where transfers are not counted. */
  readonly io: string | undefined;
}

export interface CgroupUsage {
  readonly cpuMs: number;
  /** Without what the system can take back at once. */
  readonly memoryBytes: number;
  /** Undefined: no limit is set. */
  readonly memoryLimitBytes: number | undefined;
  readonly readBytes: number | undefined;
  readonly writtenBytes: number | undefined;
}

interface Mount {
  /** Directory inside the hierarchy that is mounted. */
  readonly root: string;
  readonly point: string;
  readonly controllers: readonly string[];
  readonly version: 1 | 2;
}

const NANOSECONDS_PER_MS = 1_000_000;
const MICROSECONDS_PER_MS = 1_000;
/** Version 1 has no word for "no limit", only a number that no machine has. */
const NO_LIMIT_BYTES_MIN = 2 ** 62;

/** From `/proc/self/mountinfo` and `/proc/<pid>/cgroup`. Undefined when its files are not to be seen from here. */
export function locateCgroup(mountinfo: string, processCgroup: string): Cgroup | undefined {
  const mounts = mountinfo.split('\n').flatMap(parseMount);
  const paths = new Map<string, string>();
  for (const line of processCgroup.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    for (const controller of controllers.split(',')) paths.set(controller, path);
  }
  const place = (controller: string): string | undefined => {
    const mount = mounts.find(({ controllers }) => controllers.includes(controller));
    const path = paths.get(controller);
    return mount === undefined || path === undefined ? undefined : below(mount, path);
  };
  const [cpu, memory] = [place('cpuacct'), place('memory')];
  if (cpu !== undefined && memory !== undefined)
    return { version: 1, cpu, memory, io: place('blkio') };
  const unified = mounts.find(({ version }) => version === 2);
  const path = paths.get('');
  if (unified === undefined || path === undefined) return undefined;
  const all = below(unified, path);
  return { version: 2, cpu: all, memory: all, io: all };
}

/** The time that it has used; undefined when the group is gone. */
export function readCpuMs({ version, cpu }: Cgroup): number | undefined {
  const used =
    version === 1
      ? readNumber(join(cpu, 'cpuacct.usage'))
      : fieldOf(readText(join(cpu, 'cpu.stat')), 'usage_usec');
  const aMillisecond = version === 1 ? NANOSECONDS_PER_MS : MICROSECONDS_PER_MS;
  return used === undefined ? undefined : used / aMillisecond;
}

/** Undefined when the group is gone. */
export function readCgroup(cgroup: Cgroup): CgroupUsage | undefined {
  const usage = cgroup.version === 1 ? readFirst(cgroup) : readSecond(cgroup);
  return usage;
}

function readFirst(cgroup: Cgroup): CgroupUsage | undefined {
  const { memory, io } = cgroup;
  const cpuMs = readCpuMs(cgroup);
  const usageBytes = readNumber(join(memory, 'memory.usage_in_bytes'));
  if (cpuMs === undefined || usageBytes === undefined) return undefined;
  const limitBytes = readNumber(join(memory, 'memory.limit_in_bytes'));
  const inactive = fieldOf(readText(join(memory, 'memory.stat')), 'total_inactive_file');
  const transfers = io === undefined ? '' : readText(join(io, 'blkio.throttle.io_service_bytes'));
  return {
    cpuMs,
    memoryBytes: Math.max(0, usageBytes - (inactive ?? 0)),
    memoryLimitBytes:
      limitBytes === undefined || limitBytes >= NO_LIMIT_BYTES_MIN ? undefined : limitBytes,
    readBytes: sumOf(transfers, /^\d+:\d+ Read (\d+)$/gm),
    writtenBytes: sumOf(transfers, /^\d+:\d+ Write (\d+)$/gm),
  };
}

function readSecond(cgroup: Cgroup): CgroupUsage | undefined {
  const { memory, io } = cgroup;
  const cpuMs = readCpuMs(cgroup);
  const usageBytes = readNumber(join(memory, 'memory.current'));
  if (cpuMs === undefined || usageBytes === undefined) return undefined;
  const inactive = fieldOf(readText(join(memory, 'memory.stat')), 'inactive_file');
  const transfers = io === undefined ? '' : readText(join(io, 'io.stat'));
  return {
    cpuMs,
    memoryBytes: Math.max(0, usageBytes - (inactive ?? 0)),
    memoryLimitBytes: readNumber(join(memory, 'memory.max')),
    readBytes: sumOf(transfers, /\brbytes=(\d+)/g),
    writtenBytes: sumOf(transfers, /\bwbytes=(\d+)/g),
  };
}

function parseMount(line: string): readonly Mount[] {
  const [before = '', after = ''] = line.split(' - ');
  const [, , , root = '', point = ''] = before.split(' ');
  const [type, , options = ''] = after.split(' ');
  if (type === 'cgroup') return [{ root, point, controllers: options.split(','), version: 1 }];
  if (type === 'cgroup2') return [{ root, point, controllers: [], version: 2 }];
  return [];
}

/** Of what is mounted only below some directory, the path there begins with that directory. */
function below({ root, point }: Mount, path: string): string {
  const inside = root !== '/' && path.startsWith(root) ? path.slice(root.length) : path;
  return join(point, inside);
}

/** Undefined for `max` as well as for what is not there. */
function readNumber(path: string): number | undefined {
  const text = readText(path).trim();
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

function fieldOf(text: string, name: string): number | undefined {
  const found = new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

function sumOf(text: string, pattern: RegExp): number | undefined {
  return [...text.matchAll(pattern)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}
