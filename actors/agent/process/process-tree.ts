import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { ProcessIdentity } from './kernel-files.ts';

const PAGE_BYTES = 4096;
const SIGNAL_EXIT_BASE = 128;
const PROCESSES_IN_TREE_MAX = 100_000;
/** Fields of `/proc/<pid>/stat` after the name, which may hold spaces. */
const START_TIME_FIELD = 19;
/** In user and in system mode, its own and that of its children that have ended; hundredths of a second. */
const CPU_TIME_FIELD = 11;
const CPU_TIME_FIELDS = 4;
const MS_PER_TICK = 10;

/** Undefined when there is no such process, or it has ended and only waits to be noticed. */
export function findIdentity(pid: number): ProcessIdentity | undefined {
  const stat = readProc(`${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  const startTicks = fields[START_TIME_FIELD];
  if (startTicks === undefined || state === 'Z' || state === 'X') return undefined;
  return { pid, startTicks, bootId: bootId() };
}

export function isAlive(identity: ProcessIdentity): boolean {
  const found = findIdentity(identity.pid);
  return found?.startTicks === identity.startTicks && found.bootId === identity.bootId;
}

/** Memory in use by a process and all below it. Pages that they share count more than once. */
export function treeMemoryBytes(pid: number): number {
  let bytes = 0;
  const waiting = [pid];
  for (let seen = 0; seen < PROCESSES_IN_TREE_MAX; seen++) {
    const next = waiting.pop();
    if (next === undefined) break;
    const [, residentPages = '0'] = readProc(`${next}/statm`)?.split(' ') ?? [];
    bytes += Number(residentPages) * PAGE_BYTES;
    waiting.push(...childrenOf(next));
  }
  return bytes;
}

export interface TreeUsage {
  readonly cpuMs: number;
  readonly memoryBytes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** What a process and all below it have used; of those that have ended, what they told their parents. */
export function treeUsage(pid: number): TreeUsage {
  const usage = { cpuMs: 0, readBytes: 0, writtenBytes: 0 };
  const waiting = [pid];
  for (let seen = 0; seen < PROCESSES_IN_TREE_MAX; seen++) {
    const next = waiting.pop();
    if (next === undefined) break;
    const stat = readProc(`${next}/stat`) ?? '';
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    for (const field of fields.slice(CPU_TIME_FIELD, CPU_TIME_FIELD + CPU_TIME_FIELDS))
      usage.cpuMs += Number(field) * MS_PER_TICK;
    const transfers = readProc(`${next}/io`) ?? '';
    usage.readBytes += Number(/^read_bytes: (\d+)$/m.exec(transfers)?.[1] ?? 0);
    usage.writtenBytes += Number(/^write_bytes: (\d+)$/m.exec(transfers)?.[1] ?? 0);
    waiting.push(...childrenOf(next));
  }
  return { ...usage, memoryBytes: treeMemoryBytes(pid) };
}

export function childrenOf(pid: number): readonly number[] {
  const children = readProc(`${pid}/task/${pid}/children`) ?? '';
  return children.split(' ').filter(Boolean).map(Number);
}

/** Processes that carry the kernel's mark in their environment, wherever they moved to. */
export function processesOf(kernel: string): readonly number[] {
  const mark = `BACKENDAI_KERNEL_ID=${kernel}`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => readProc(`${name}/environ`)?.split('\0').includes(mark))
    .map(Number);
}

export function killAll(pids: readonly number[]): void {
  for (const pid of pids) signalProcess(pid, 'SIGKILL');
}

/** A negative number is a process group. Whether it was there to be signalled. */
export function signalProcess(pid: number, signal: 'SIGTERM' | 'SIGKILL' | 'SIGHUP'): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** As a shell tells it: the code, or 128 and the number of the signal. */
export function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  if (signal === null) return code ?? 0;
  return SIGNAL_EXIT_BASE + constants.signals[signal];
}

function bootId(): string {
  return readProc('sys/kernel/random/boot_id')?.trim() ?? '';
}

/** Processes come and go while one reads. */
function readProc(name: string): string | undefined {
  try {
    return readFileSync(`/proc/${name}`, 'utf8');
  } catch {
    return undefined;
  }
}
