import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ArchiveUnavailable } from './errors.ts';
import { OBJECT_BYTES_MAX, OBJECT_NAME, type SegmentStore } from './segment-store.ts';

const PARTIAL = '.partial';

/** Segments as files of one directory, which is made when the first is written. */
export function createDirectoryStore(directory: string): SegmentStore {
  const pathOf = (name: string): string => {
    if (!OBJECT_NAME.test(name)) throw new RangeError(`${name} is no name of an object`);
    return join(directory, name);
  };
  return {
    put: (name, bytes) =>
      told(`write ${name}`, async () => {
        await mkdir(directory, { recursive: true, mode: 0o700 });
        const partial = join(directory, `${randomUUID()}${PARTIAL}`);
        try {
          await writeSynced(partial, bytes);
          await rename(partial, pathOf(name));
        } catch (error) {
          await removeIfThere(partial);
          throw error;
        }
        await syncDirectory(directory);
      }),
    get: (name) => told(`read ${name}`, () => readIfThere(pathOf(name))),
    list: () =>
      told('list its segments', async () => {
        const names = (await ifThere(readdir(directory))) ?? [];
        return names.filter((name) => OBJECT_NAME.test(name) && !name.endsWith(PARTIAL)).sort();
      }),
    remove: (name) => told(`remove ${name}`, () => removeIfThere(pathOf(name))),
  };
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  await file.writeFile(bytes);
  await file.sync();
}

/** So that the new name outlives a loss of power too. */
async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  const found = await ifThere(stat(path));
  if (found === undefined) return undefined;
  if (found.size > OBJECT_BYTES_MAX) throw new RangeError(`${path} has ${found.size} bytes`);
  return await ifThere(readFile(path));
}

async function removeIfThere(path: string): Promise<void> {
  await ifThere(unlink(path));
}

async function ifThere<Value>(found: Promise<Value>): Promise<Value | undefined> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function told<Value>(what: string, act: () => Promise<Value>): Promise<Value> {
  try {
    return await act();
  } catch (cause) {
    throw new ArchiveUnavailable(what, { cause });
  }
}
