import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, opendir } from 'node:fs/promises';
import type { FileChange, FileFacts, FileOperation } from '@orrery/bus';
import { kindOf } from './changes.ts';
import { FileRefused, refusalOf } from './errors.ts';
import { findPlace, type JailRoot, openDirectory, openFile, within } from './jail.ts';
import { checkSpace, ownerOf } from './transfer.ts';

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_NOFOLLOW, O_NONBLOCK } =
  constants;
const ACCESS = { read: O_RDONLY, write: O_WRONLY, 'read-write': O_RDWR } as const;
const CREATION = { never: 0, 'if-absent': O_CREAT, must: O_CREAT | O_EXCL } as const;
const PERMISSIONS_USUAL = 0o644;
/** For the group and for others, as programs usually have it. */
const NOT_TO_WRITE = 0o022;
/** The disk is asked for room once for so many bytes. */
const ROOM_STEP_BYTES = 8 * 1024 * 1024;
const ENTRIES_AT_ONCE = 100;

export type OpenOperation = Extract<FileOperation, { readonly op: 'open' }>;

/** A file of a working directory that stays open: whatever becomes of its name, it is this one. */
export class OpenFile implements AsyncDisposable {
  readonly #jail: JailRoot;
  readonly #file: FileHandle;
  readonly #path: string;
  #roomBytes = 0;

  private constructor(jail: JailRoot, file: FileHandle, path: string) {
    this.#jail = jail;
    this.#file = file;
    this.#path = path;
  }

  /** @throws {FileRefused} */
  static async open(jail: JailRoot, asked: OpenOperation): Promise<OpenFile> {
    const { path, access, creation, isTruncated, isAppended } = asked;
    if (access === 'read' && creation === 'never')
      return new OpenFile(jail, await openFile(jail, path), path);
    await using place = await findPlace(jail, path, { last: 'follow' });
    const flags =
      ACCESS[access] |
      CREATION[creation] |
      (isTruncated ? O_TRUNC : 0) |
      (isAppended ? O_APPEND : 0);
    const mode = (asked.permissions ?? PERMISSIONS_USUAL) & ~NOT_TO_WRITE;
    let file: FileHandle | undefined;
    try {
      const there = await lstat(place.path).catch(() => undefined);
      // Somebody may have put a pipe there, or a device: they are not even opened.
      if (there !== undefined) checkRegular(there, path);
      if (creation !== 'never') await checkSpace(jail, 0);
      file = await open(place.path, flags | O_NOFOLLOW | O_NONBLOCK, mode);
      checkRegular(await file.stat(), path);
      if (there === undefined) await own(jail, file);
      return new OpenFile(jail, file, path);
    } catch (cause) {
      await file?.close();
      throw refusalOf(cause, path);
    }
  }

  /** Empty at the end of the file. */
  async read(offset: number, bytes: number): Promise<Buffer> {
    try {
      const piece = Buffer.alloc(bytes);
      const { bytesRead } = await this.#file.read(piece, 0, bytes, offset);
      return piece.subarray(0, bytesRead);
    } catch (cause) {
      throw refusalOf(cause, this.#path);
    }
  }

  async write(offset: number, bytes: Buffer): Promise<void> {
    try {
      if (this.#roomBytes < bytes.length) {
        await checkSpace(this.#jail, ROOM_STEP_BYTES);
        this.#roomBytes = ROOM_STEP_BYTES;
      }
      this.#roomBytes -= bytes.length;
      for (let at = 0; at < bytes.length; ) {
        const { bytesWritten } = await this.#file.write(bytes, at, bytes.length - at, offset + at);
        at += bytesWritten;
      }
    } catch (cause) {
      throw refusalOf(cause, this.#path);
    }
  }

  async facts(): Promise<FileFacts> {
    return factsOf(await this.#file.stat());
  }

  async change(change: FileChange): Promise<void> {
    try {
      await apply(this.#file, change);
    } catch (cause) {
      throw refusalOf(cause, this.#path);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#file.close();
  }
}

/** A directory that stays open, and of which some entries are given at a time. */
export class OpenListing implements AsyncDisposable {
  readonly #directory: FileHandle;
  readonly #names: AsyncIterator<{ readonly name: string }>;

  private constructor(directory: FileHandle, names: AsyncIterator<{ readonly name: string }>) {
    this.#directory = directory;
    this.#names = names;
  }

  /** @throws {FileRefused} */
  static async open(jail: JailRoot, path: string): Promise<OpenListing> {
    const directory = await openDirectory(jail, path);
    const names = (await opendir(within(directory, '.')))[Symbol.asyncIterator]();
    return new OpenListing(directory, names);
  }

  /** None when all were given. */
  async some(): Promise<readonly { readonly name: string; readonly facts: FileFacts }[]> {
    const entries: { readonly name: string; readonly facts: FileFacts }[] = [];
    while (entries.length < ENTRIES_AT_ONCE) {
      const next = await this.#names.next();
      if (next.done === true) break;
      const { name } = next.value;
      // It may have gone since it was named.
      const facts = await lstat(within(this.#directory, name)).catch(() => undefined);
      if (facts !== undefined) entries.push({ name, facts: factsOf(facts) });
    }
    return entries;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#names.return?.();
    await this.#directory.close();
  }
}

/** @throws {FileRefused} */
export async function lookAt(
  jail: JailRoot,
  path: string,
  last: 'keep' | 'follow',
): Promise<FileFacts> {
  await using place = await findPlace(jail, path, { last });
  try {
    return factsOf(await lstat(place.path));
  } catch (cause) {
    throw refusalOf(cause, path);
  }
}

/** Of a file or a directory; a link is followed. @throws {FileRefused} */
export async function changeAt(jail: JailRoot, path: string, change: FileChange): Promise<void> {
  const { kind } = await lookAt(jail, path, 'follow');
  if (kind === 'directory') {
    await using directory = await openDirectory(jail, path);
    return await apply(directory, change).catch((cause: unknown) => {
      throw refusalOf(cause, path);
    });
  }
  const isSized = change.sizeBytes !== undefined;
  await using file = await OpenFile.open(jail, {
    op: 'open',
    path,
    access: isSized ? 'write' : 'read',
    creation: 'never',
    isTruncated: false,
    isAppended: false,
  });
  await file.change(change);
}

async function apply(file: FileHandle, change: FileChange): Promise<void> {
  const { sizeBytes, permissions, accessedAtMs, modifiedAtMs } = change;
  if (sizeBytes !== undefined) await file.truncate(sizeBytes);
  if (permissions !== undefined) await file.chmod(permissions);
  if (accessedAtMs === undefined && modifiedAtMs === undefined) return;
  const { atimeMs, mtimeMs } = await file.stat();
  await file.utimes((accessedAtMs ?? atimeMs) / 1000, (modifiedAtMs ?? mtimeMs) / 1000);
}

async function own(jail: JailRoot, file: FileHandle): Promise<void> {
  const owner = await ownerOf(jail);
  if (owner !== undefined) await file.chown(owner.uid, owner.gid);
}

/** @throws {FileRefused} */
function checkRegular(facts: Stats, path: string): void {
  if (facts.isFile()) return;
  const [code, what] = facts.isDirectory()
    ? (['file-is-directory', 'it is a directory'] as const)
    : (['file-not-regular', 'it is no regular file'] as const);
  throw new FileRefused(code, `${JSON.stringify(path)}: ${what}`);
}

function factsOf(facts: Stats): FileFacts {
  return {
    kind: kindOf(facts),
    mode: facts.mode,
    uid: facts.uid,
    gid: facts.gid,
    links: facts.nlink,
    sizeBytes: facts.size,
    accessedAtMs: facts.atimeMs,
    modifiedAtMs: facts.mtimeMs,
  };
}
