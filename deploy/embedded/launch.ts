import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';

/** How one process is started; made anew for each start. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly uid?: number;
  readonly gid?: number;
  /** Open files the process gets as descriptors 3, 4, … */
  readonly descriptors?: readonly number[];
  /** Called when the process has been spawned and has its own copies of the descriptors. */
  readonly release?: () => void;
}

/**
 * Spawns in a session of its own, so that Ctrl-C on the terminal reaches only the supervisor. Output
 * goes straight to `outputDescriptor`, so that the process outlives its supervisor unharmed.
 */
export function spawnLaunch(launch: Launch, outputDescriptor: number): ChildProcess {
  const { command, args, descriptors = [], release, ...options } = launch;
  const stdio: StdioOptions = ['ignore', outputDescriptor, outputDescriptor, ...descriptors];
  try {
    return spawn(command, args, { ...options, detached: true, stdio });
  } finally {
    release?.();
  }
}
