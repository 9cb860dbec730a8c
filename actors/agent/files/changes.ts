import { constants, type Stats } from 'node:fs';
import {
  type FileHandle,
  lstat,
  open,
  opendir,
  readlink,
  rename,
  rmdir,
  unlink,
} from 'node:fs/promises';
import { type FileEntry, type FileList, LISTED_MAX } from '@orrery/bus';
import { FileRefused, refusalOf } from './errors.ts';
import { findPlace, type JailRoot, openDirectory, within } from './jail.ts';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
const DEPTH_MAX = 1_000;

/** A directory's entries, or the one of a file, by name. @throws {FileRefused} */
export async function listFiles(jail: JailRoot, path: string): Promise<FileList> {
  const place = await findPlace(jail, path, { last: 'follow' });
  const facts = await lstat(place.path).catch((cause: unknown) => refusalOf(cause, path));
  if (facts instanceof Error) {
    await place[Symbol.asyncDispose]();
    throw facts;
  }
  const directory = joined(jail.home, path);
  const stats = facts as Stats;
  if (!stats.isDirectory()) {
    await using there = place;
    return { entries: [await entryOf(there.path, there.name, stats)], directory, isCut: false };
  }
  await place[Symbol.asyncDispose]();
  await using opened = await openDirectory(jail, path);
  const entries: FileEntry[] = [];
  let isCut = false;
  for await (const { name } of await opendir(within(opened, '.'))) {
    isCut = entries.length >= LISTED_MAX;
    if (isCut) break;
    const at = within(opened, name);
    // It may have gone since it was named.
    const found = await lstat(at).catch(() => undefined);
    if (found !== undefined) entries.push(await entryOf(at, name, found));
  }
  entries.sort((left, right) => (left.name < right.name ? -1 : 1));
  return { entries, directory, isCut };
}

/** @throws {FileRefused} */
export async function removeFile(
  jail: JailRoot,
  path: string,
  { isRecursive }: { readonly isRecursive: boolean },
): Promise<void> {
  await using place = await findPlace(jail, path, { last: 'keep' });
  if (place.name === '.')
    throw new FileRefused('file-forbidden', 'the working directory itself is not removed');
  try {
    await removeAt(place.directory, place.name, { isRecursive, depth: 0 });
  } catch (cause) {
    throw refusalOf(cause, path);
  }
}

/** Does not replace what is there. @throws {FileRefused} */
export async function renameFile(
  jail: JailRoot,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  await using source = await findPlace(jail, from, { last: 'keep' });
  await using target = await findPlace(jail, to, { last: 'keep' });
  if (source.name === '.' || target.name === '.')
    throw new FileRefused('file-forbidden', 'the working directory itself is not renamed');
  const there = await lstat(target.path).catch(() => undefined);
  if (there !== undefined)
    throw new FileRefused('file-exists', `${JSON.stringify(to)} is there already`);
  try {
    await rename(source.path, target.path);
  } catch (cause) {
    throw refusalOf(cause, from);
  }
}

async function removeAt(
  directory: FileHandle,
  name: string,
  { isRecursive, depth }: { readonly isRecursive: boolean; readonly depth: number },
): Promise<void> {
  const path = within(directory, name);
  const facts = await lstat(path);
  if (!facts.isDirectory()) {
    await unlink(path);
    return;
  }
  if (isRecursive && depth < DEPTH_MAX) {
    await using inner = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    for await (const entry of await opendir(within(inner, '.')))
      await removeAt(inner, entry.name, { isRecursive, depth: depth + 1 });
  }
  await rmdir(path);
}

async function entryOf(path: string, name: string, facts: Stats): Promise<FileEntry> {
  const kind = kindOf(facts);
  const target = kind === 'link' ? await readlink(path).catch(() => undefined) : undefined;
  return {
    name,
    kind,
    mode: modeText(facts),
    sizeBytes: facts.size,
    modifiedAtMs: facts.mtimeMs,
    accessedAtMs: facts.atimeMs,
    changedAtMs: facts.ctimeMs,
    ...(target === undefined ? {} : { target }),
  };
}

export function kindOf(facts: Stats): FileEntry['kind'] {
  if (facts.isFile()) return 'file';
  if (facts.isDirectory()) return 'directory';
  return facts.isSymbolicLink() ? 'link' : 'other';
}

function modeText(facts: Stats): string {
  const letter = { file: '-', directory: 'd', link: 'l', other: '?' }[kindOf(facts)];
  const bits = [...'rwxrwxrwx'].map((bit, at) => ((facts.mode >> (8 - at)) & 1 ? bit : '-'));
  return `${letter}${bits.join('')}`;
}

function joined(home: string, path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  return [home, ...parts].join('/');
}
