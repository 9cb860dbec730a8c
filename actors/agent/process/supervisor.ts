import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { systemClock } from '@orrery/bus/clock';
import { kernelFiles, type Launch, writeWhole } from './kernel-files.ts';
import {
  exitCodeOf,
  findIdentity,
  killAll,
  processesOf,
  signalProcess,
  treeMemoryBytes,
} from './process-tree.ts';
import { SegmentedLog } from './segmented-log.ts';

/**
 * The process between a kernel's program and everybody else: it outlives the agent, writes the log,
 * watches the memory and leaves the exit where the next agent finds it.
 * Arguments: the driver's directory, the kernel.
 */

const MEMORY_PERIOD_MS = 50;
const PIPES_MS_MAX = 1_000;
/** Where the agent that started it waits for one word. */
const PARENT = 3;

const [, , stateRoot = '', kernel = ''] = process.argv;
const files = kernelFiles(stateRoot, kernel);

function tellParent(word: string): void {
  try {
    writeSync(PARENT, `${word}\n`);
  } catch {
    // The agent is gone; the files tell the next one.
  }
}

/** False when a supervisor of this kernel was there before. */
function takePlace(): boolean {
  try {
    writeFileSync(files.supervisor, JSON.stringify(findIdentity(process.pid)), { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}

async function supervise(launch: Launch): Promise<void> {
  using log = new SegmentedLog(files.log);
  const [program = '', ...args] = launch.command;
  const child = spawn(program, args, {
    cwd: launch.directory,
    env: launch.environ,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.on('data', (bytes: Buffer) => log.append('stdout', bytes));
  child.stderr.on('data', (bytes: Buffer) => log.append('stderr', bytes));
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const exited = exitOf(child);
  const isStarted = await new Promise<true | NodeJS.ErrnoException>((resolve) => {
    child.once('spawn', () => resolve(true));
    child.once('error', resolve);
  });
  if (isStarted !== true) {
    rmSync(files.supervisor, { force: true });
    tellParent(JSON.stringify({ failed: isStarted.code ?? 'EUNKNOWN' }));
    return;
  }
  const ended = new AbortController();
  const startedAtMs = systemClock.nowMs();
  const pid = child.pid ?? 0;
  writeWhole(files.program, { identity: findIdentity(pid), startedAtMs });
  tellParent(JSON.stringify({ startedAtMs }));
  const watched = watchMemory(pid, launch.memoryBytes, ended.signal);
  const exitCode = await exited;
  const finishedAtMs = systemClock.nowMs();
  ended.abort(new Error('the program has ended'));
  killAll(processesOf(launch.kernel).filter((other) => other !== process.pid));
  await Promise.race([closed, systemClock.sleep(PIPES_MS_MAX)]);
  writeWhole(files.exit, { exitCode, wasOutOfMemory: await watched, finishedAtMs });
  writeFileSync(files.notice, '');
}

function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(exitCodeOf(code, signal)));
  });
}

/** Kills the program when it takes too much. Whether it did. */
async function watchMemory(
  pid: number,
  memoryBytes: number | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  if (memoryBytes === undefined) return false;
  for (;;) {
    if (treeMemoryBytes(pid) > memoryBytes) {
      signalProcess(-pid, 'SIGKILL');
      return true;
    }
    try {
      await systemClock.sleep(MEMORY_PERIOD_MS, signal);
    } catch {
      return false;
    }
  }
}

// Signals are for the program: the agent sends them there, and a terminal's are not for us.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined);

if (takePlace()) {
  // Written by the driver of this same version, for this process alone.
  await supervise(JSON.parse(readFileSync(files.launch, 'utf8')) as Launch);
} else tellParent(JSON.stringify({ failed: 'EEXIST' }));
process.exit(0);
