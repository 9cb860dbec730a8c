import { randomUUID } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the process driver keeps what it knows of one kernel. */
export interface KernelFiles {
  readonly root: string;
  /** Written by the driver before anything runs. */
  readonly kernel: string;
  readonly launch: string;
  /** Written by the supervisor, which is there once. */
  readonly supervisor: string;
  readonly program: string;
  readonly exit: string;
  /** Made after `exit`, in a directory that holds nothing else and can be watched. */
  readonly notice: string;
  /** Directory of the log's segments. */
  readonly log: string;
}

export function kernelFiles(stateRoot: string, kernel: string): KernelFiles {
  const root = join(stateRoot, kernel);
  return {
    root,
    kernel: join(root, 'kernel.json'),
    launch: join(root, 'launch.json'),
    supervisor: join(root, 'supervisor.json'),
    program: join(root, 'program.json'),
    exit: join(root, 'exit.json'),
    notice: join(exitsDirectory(stateRoot), kernel),
    log: root,
  };
}

export function exitsDirectory(stateRoot: string): string {
  return join(stateRoot, 'exits');
}

/** What the supervisor is told to run. */
export interface Launch {
  readonly kernel: string;
  readonly command: readonly string[];
  readonly environ: Readonly<Record<string, string>>;
  readonly directory: string;
  /** Undefined: as much as there is. */
  readonly memoryBytes?: number | undefined;
}

/** A process, told apart from a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: string;
  readonly bootId: string;
}

/** Nobody sees the file half written. */
export function writeWhole(path: string, value: unknown): void {
  const temporary = `${path}.${randomUUID()}`;
  writeFileSync(temporary, JSON.stringify(value), { mode: 0o600 });
  renameSync(temporary, path);
}
