import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { DataDirectoryTaken } from './errors.ts';
import { findIdentity, isAlive } from './process/process-tree.ts';

const Holder = z.object({ pid: z.int(), startTicks: z.string(), bootId: z.string() });

/** The directory in which one agent process keeps what must outlive it. */
export interface DataDirectory extends Disposable {
  /** The same for ever; tells this installation's containers from those of any other. */
  readonly installation: string;
  /** A directory of one node. */
  ofNode(node: string): string;
}

/** @throws {DataDirectoryTaken} when another agent that still runs works on it. */
export function openDataDirectory(path: string): DataDirectory {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const lock = join(path, 'agent.pid');
  const holder = readHolder(lock);
  if (holder !== undefined && holder.pid !== process.pid && isAlive(holder))
    throw new DataDirectoryTaken(path, holder.pid);
  writeWhole(lock, JSON.stringify(findIdentity(process.pid)));
  return {
    installation: installationOf(join(path, 'installation')),
    ofNode: (node) => {
      const directory = join(path, 'nodes', node);
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      return directory;
    },
    [Symbol.dispose]: () => rmSync(lock, { force: true }),
  };
}

function installationOf(path: string): string {
  if (!existsSync(path)) writeWhole(path, randomUUID());
  return readFileSync(path, 'utf8').trim();
}

function readHolder(path: string): z.infer<typeof Holder> | undefined {
  try {
    return Holder.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}

function writeWhole(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
