import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import {
  type FileHandle,
  lstat,
  mkdir,
  open,
  opendir,
  readlink,
  rename,
  statfs,
  symlink,
  unlink,
} from 'node:fs/promises';
import { FilePath, type FilesWritten } from '@orrery/bus';
import { ByteSource } from './byte-source.ts';
import { FileRefused, refusalOf } from './errors.ts';
import { findPlace, type JailRoot, openFile, within } from './jail.ts';
import {
  paddingOf,
  parsePax,
  parseTarHeader,
  type RawHeader,
  TAR_BLOCK_BYTES,
  TAR_END,
  tarHeader,
} from './tar.ts';

const READ_BYTES = 128 * 1024;
const PAX_BYTES_MAX = 64 * 1024;
const ENTRIES_MAX = 1_000_000;
const DEPTH_MAX = 1_000;
/** Left free on the node's disk for everybody else. */
const SPARE_BYTES = 64 * 1024 * 1024;
const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_WRONLY, O_CREAT, O_EXCL } = constants;

/** @throws {FileRefused} */
export async function* readFileBytes(jail: JailRoot, path: string): AsyncGenerator<Buffer, void> {
  await using file = await openFile(jail, path);
  yield* bytesOf(file, Number.POSITIVE_INFINITY);
}

/** A tar of the files, with all that lies below them; what is neither file, directory nor link is left out. */
export async function* readTar(
  jail: JailRoot,
  paths: readonly string[],
): AsyncGenerator<Buffer, void> {
  for (const path of paths) {
    await using place = await findPlace(jail, path, { last: 'keep' });
    const shown = path
      .split('/')
      .filter((part) => part !== '' && part !== '.')
      .join('/');
    try {
      yield* tarOf(place.directory, { name: place.name, shown, depth: 0 });
    } catch (cause) {
      throw refusalOf(cause, path);
    }
  }
  yield TAR_END;
}

/** Appears under its name when it is whole, in place of what was there. @throws {FileRefused} */
export async function writeFileBytes(
  jail: JailRoot,
  path: string,
  bytes: AsyncIterable<Uint8Array>,
): Promise<FilesWritten> {
  const source = new ByteSource(bytes);
  const written = await writeAt(jail, path, {
    some: () => source.some(READ_BYTES),
    mode: 0o644,
  });
  return { files: 1, bytes: written };
}

/** Unpacks a tar in a directory; what it would put elsewhere is refused. @throws {FileRefused} */
export async function writeTar(
  jail: JailRoot,
  directory: string,
  bytes: AsyncIterable<Uint8Array>,
): Promise<FilesWritten> {
  const source = new ByteSource(bytes);
  let files = 0;
  let written = 0;
  let entries = 0;
  for await (const header of headersOf(source)) {
    entries += 1;
    if (entries > ENTRIES_MAX)
      throw new FileRefused('archive-too-large', `the archive has over ${ENTRIES_MAX} entries`);
    const path = pathInside(directory, header.name);
    if (header.type === '5') {
      if (path !== '.') await makeDirectories(jail, path);
      continue;
    }
    if (header.type === '2') {
      await makeLink(jail, path, header.target);
      continue;
    }
    if (header.type !== '0' && header.type !== '\0')
      throw new FileRefused(
        'archive-invalid',
        `${JSON.stringify(header.name)} is neither a file, a directory nor a symbolic link`,
      );
    let left = header.sizeBytes;
    await checkSpace(jail, left);
    written += await writeAt(jail, path, {
      mode: header.mode === 0 ? 0o644 : header.mode,
      some: async () => {
        if (left === 0) return undefined;
        const some = await source.some(Math.min(left, READ_BYTES));
        if (some === undefined)
          throw new FileRefused('archive-invalid', 'the archive ends inside a file');
        left -= some.length;
        return some;
      },
    });
    files += 1;
    await source.exactly(paddingOf(header.sizeBytes));
  }
  // Whoever sends it may fill its last blocks; they are taken, so that the sender sees them received.
  while ((await source.some(READ_BYTES)) !== undefined);
  return { files, bytes: written };
}

async function* headersOf(source: ByteSource): AsyncGenerator<RawHeader, void> {
  let pax: ReadonlyMap<string, string> = new Map();
  let longName: string | undefined;
  for (;;) {
    const block = await source.exactly(TAR_BLOCK_BYTES);
    if (block === undefined)
      throw new FileRefused('archive-invalid', 'the archive ends before its end');
    const header = parseTarHeader(block);
    if (header === undefined) return;
    if (header === 'invalid') throw new FileRefused('archive-invalid', 'this is no tar archive');
    if (['x', 'g', 'L', 'K'].includes(header.type)) {
      if (header.sizeBytes > PAX_BYTES_MAX)
        throw new FileRefused('archive-invalid', 'a header of the archive is too long');
      const content = await source.exactly(header.sizeBytes + paddingOf(header.sizeBytes));
      const own = content?.subarray(0, header.sizeBytes) ?? Buffer.alloc(0);
      if (header.type === 'x') pax = parsePax(own);
      if (header.type === 'L') longName = own.toString('utf8').replace(/\0+$/, '');
      continue;
    }
    const size = pax.get('size');
    const sizeBytes = size === undefined ? header.sizeBytes : Number(size);
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0)
      throw new FileRefused('archive-invalid', 'a size in the archive is none');
    yield {
      ...header,
      sizeBytes,
      name: pax.get('path') ?? longName ?? header.name,
      target: pax.get('linkpath') ?? header.target,
    };
    pax = new Map();
    longName = undefined;
  }
}

/** @throws {FileRefused} `file-outside` or `file-name-invalid` for a name that would lead elsewhere. */
function pathInside(directory: string, name: string): string {
  const parsed = FilePath.safeParse(name.replace(/\/+$/, '') || '.');
  if (!parsed.success) {
    const why = parsed.error.issues[0]?.message ?? 'it is no path';
    const isOutside = name.startsWith('/') || name.split('/').includes('..');
    throw new FileRefused(
      isOutside ? 'file-outside' : 'file-name-invalid',
      `the archive's entry ${JSON.stringify(name.slice(0, 200))} is refused: ${why}`,
    );
  }
  const parts = [...directory.split('/'), ...parsed.data.split('/')];
  return parts.filter((part) => part !== '' && part !== '.').join('/') || '.';
}

/** A link may point to what is below it or beside it, not out of the working directory. */
export async function makeLink(jail: JailRoot, path: string, target: string): Promise<void> {
  const above = path.split('/').slice(0, -1);
  const depth = target.split('/').reduce<number>((at, part) => {
    if (at < 0) return at;
    if (part === '..') return at - 1;
    return part === '' || part === '.' ? at : at + 1;
  }, above.length);
  if (target === '' || target.startsWith('/') || depth < 0 || target.includes('\0'))
    throw new FileRefused(
      'file-outside',
      `the link ${JSON.stringify(path)} leads out of the working directory`,
    );
  if (above.length > 0) await makeDirectories(jail, above.join('/'));
  await using place = await findPlace(jail, path, { last: 'keep' });
  try {
    await symlink(target, place.path);
  } catch (cause) {
    throw refusalOf(cause, path);
  }
}

async function makeDirectories(jail: JailRoot, path: string): Promise<void> {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  for (let count = 1; count <= parts.length; count++) {
    const part = parts.slice(0, count).join('/');
    await using place = await findPlace(jail, part, { last: 'follow' });
    if (place.name === '.') continue;
    try {
      await mkdir(place.path, { mode: 0o755 });
      await giveTo(jail, place.path);
    } catch (cause) {
      const isThere = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
      if (!isThere) throw refusalOf(cause, path);
    }
  }
}

async function writeAt(
  jail: JailRoot,
  path: string,
  content: { readonly some: () => Promise<Buffer | undefined>; readonly mode: number },
): Promise<number> {
  const above = path.split('/').slice(0, -1).join('/');
  if (above !== '') await makeDirectories(jail, above);
  await using place = await findPlace(jail, path, { last: 'follow' });
  const there = await lstat(place.path).catch(() => undefined);
  if (place.name === '.' || there?.isDirectory() === true)
    throw new FileRefused('file-is-directory', `${JSON.stringify(path)}: it is a directory`);
  if (there !== undefined && !there.isFile())
    throw new FileRefused('file-not-regular', `${JSON.stringify(path)}: it is no regular file`);
  const begun = within(place.directory, `.orrery-upload-${randomUUID()}`);
  try {
    const bytes = await fill(jail, begun, content);
    await rename(begun, place.path);
    return bytes;
  } catch (cause) {
    await unlink(begun).catch(() => undefined);
    throw refusalOf(cause, path);
  }
}

async function fill(
  jail: JailRoot,
  path: string,
  { some, mode }: { readonly some: () => Promise<Buffer | undefined>; readonly mode: number },
): Promise<number> {
  await using file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  let bytes = 0;
  for (let next = await some(); next !== undefined; next = await some()) {
    await checkSpace(jail, next.length);
    for (let at = 0; at < next.length; )
      at += (await file.write(next, at, next.length - at)).bytesWritten;
    bytes += next.length;
  }
  const owner = await ownerOf(jail);
  if (owner !== undefined) await file.chown(owner.uid, owner.gid);
  return bytes;
}

/** @throws {FileRefused} when it would fill the disk that all kernels of the node share. */
export async function checkSpace(jail: JailRoot, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(jail.root);
  if (bytes + SPARE_BYTES > bavail * bsize)
    throw new FileRefused('space-exhausted', 'there is not so much space left');
}

/** An agent that is root makes files for whoever the working directory belongs to. */
export async function ownerOf(
  jail: JailRoot,
): Promise<{ readonly uid: number; readonly gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = await lstat(jail.root);
  return { uid, gid };
}

export async function giveTo(jail: JailRoot, path: string): Promise<void> {
  const owner = await ownerOf(jail);
  if (owner === undefined) return;
  await using directory = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  await directory.chown(owner.uid, owner.gid);
}

async function* tarOf(
  directory: FileHandle,
  entry: { readonly name: string; readonly shown: string; readonly depth: number },
): AsyncGenerator<Buffer, void> {
  const { name, shown, depth } = entry;
  const path = within(directory, name);
  const facts = await lstat(path);
  const header = {
    name: shown,
    mode: facts.mode & 0o777,
    modifiedAtMs: facts.mtimeMs,
    sizeBytes: 0,
    target: '',
  };
  if (facts.isSymbolicLink()) {
    yield tarHeader({ ...header, kind: 'link', target: await readlink(path) });
  } else if (facts.isFile()) {
    await using file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const { size } = await file.stat();
    yield tarHeader({ ...header, kind: 'file', sizeBytes: size });
    let bytes = 0;
    for await (const piece of bytesOf(file, size)) {
      bytes += piece.length;
      yield piece;
    }
    // A file that shrank meanwhile is filled up: its header is written.
    for (; bytes < size; bytes += Math.min(READ_BYTES, size - bytes))
      yield Buffer.alloc(Math.min(READ_BYTES, size - bytes));
    if (paddingOf(size) > 0) yield Buffer.alloc(paddingOf(size));
  } else if (facts.isDirectory() && depth < DEPTH_MAX) {
    if (shown !== '') yield tarHeader({ ...header, kind: 'directory' });
    await using inner = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    for await (const { name: below } of await opendir(within(inner, '.'))) {
      const at = {
        name: below,
        shown: shown === '' ? below : `${shown}/${below}`,
        depth: depth + 1,
      };
      yield* tarOf(inner, at);
    }
  }
}

async function* bytesOf(file: FileHandle, bytesMax: number): AsyncGenerator<Buffer, void> {
  for (let left = bytesMax; left > 0; ) {
    const piece = Buffer.alloc(Math.min(READ_BYTES, left));
    const { bytesRead } = await file.read(piece, 0, piece.length);
    if (bytesRead === 0) return;
    left -= bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}
