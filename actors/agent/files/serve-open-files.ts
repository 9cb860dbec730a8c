import { mkdir, readlink, rmdir, unlink } from 'node:fs/promises';
import {
  type Duplex,
  type FileAnswer,
  type FileOperation,
  OPEN_FILES_MAX,
  OrreryError,
  type StreamInput,
  type StreamOutput,
} from '@orrery/bus';
import { renameFile } from './changes.ts';
import { FileRefused, refusalOf } from './errors.ts';
import { findPlace, type JailRoot } from './jail.ts';
import { changeAt, lookAt, OpenFile, OpenListing } from './open-file.ts';
import { giveTo, makeLink } from './transfer.ts';

type Stream = Duplex<StreamInput, StreamOutput>;
type Handled = Extract<FileOperation, { readonly handle: number }>;
type Named = Exclude<FileOperation, { readonly handle: number }>;

/** Reads and writes under way at once; the next question waits. */
const TRANSFERS_MAX = 32;
const PERMISSIONS_USUAL = 0o755;
const NOT_TO_WRITE = 0o022;

/** Answers one question after the other; reads and writes run side by side, everything else waits for them. */
export async function serveOpenFiles(jail: JailRoot, stream: Stream): Promise<void> {
  await using files = new OpenFiles(jail);
  await stream.send({ kind: 'home', path: jail.home });
  const transfers = new Set<Promise<void>>();
  for await (const frame of stream.incoming) {
    if (frame.kind !== 'file-operation') continue;
    const { id, operation } = frame;
    const isTransfer = operation.op === 'read' || operation.op === 'write';
    if (!isTransfer) await Promise.all(transfers);
    else if (transfers.size >= TRANSFERS_MAX) await Promise.race(transfers);
    const answering = answer(files, operation).then((answered) =>
      stream.send({ kind: 'file-answer', id, answer: answered }),
    );
    if (!isTransfer) {
      await answering;
      continue;
    }
    transfers.add(answering);
    const settle = (): void => void transfers.delete(answering);
    answering.then(settle, settle);
  }
  await Promise.all(transfers);
}

async function answer(files: OpenFiles, operation: FileOperation): Promise<FileAnswer> {
  try {
    return await files.carryOut(operation);
  } catch (cause) {
    if (!(cause instanceof OrreryError)) throw cause;
    const { code, message } = cause;
    return { failure: { code, message } };
  }
}

/** The files that one stream has open. */
class OpenFiles implements AsyncDisposable {
  readonly #jail: JailRoot;
  readonly #open = new Map<number, OpenFile | OpenListing>();
  #next = 0;

  constructor(jail: JailRoot) {
    this.#jail = jail;
  }

  /** @throws {FileRefused} */
  carryOut(operation: FileOperation): Promise<FileAnswer> {
    return 'handle' in operation ? this.#withHandle(operation) : this.#withName(operation);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of this.#open.values()) await each[Symbol.asyncDispose]();
    this.#open.clear();
  }

  async #withHandle(operation: Handled): Promise<FileAnswer> {
    const { op, handle } = operation;
    const found = this.#open.get(handle);
    if (found === undefined) throw new FileRefused('file-not-open', 'there is no such open file');
    if (op === 'close') {
      this.#open.delete(handle);
      await found[Symbol.asyncDispose]();
      return { isDone: true };
    }
    if (op === 'read-directory') {
      if (found instanceof OpenListing) return { entries: [...(await found.some())] };
      throw new FileRefused('file-not-directory', 'it is no directory');
    }
    if (!(found instanceof OpenFile))
      throw new FileRefused('file-is-directory', 'it is a directory');
    switch (op) {
      case 'read': {
        const bytes = await found.read(operation.offset, operation.bytes);
        return { data: bytes.toString('base64') };
      }
      case 'write':
        await found.write(operation.offset, Buffer.from(operation.data, 'base64'));
        return { isDone: true };
      case 'look-at-open':
        return { facts: await found.facts() };
      case 'change-open':
        await found.change(operation.change);
        return { isDone: true };
    }
  }

  async #withName(operation: Named): Promise<FileAnswer> {
    const jail = this.#jail;
    switch (operation.op) {
      case 'open':
        return this.#keep(() => OpenFile.open(jail, operation));
      case 'open-directory':
        return this.#keep(() => OpenListing.open(jail, operation.path));
      case 'look':
        return { facts: await lookAt(jail, operation.path, operation.last) };
      case 'read-link':
        return { target: await at(jail, operation.path, (path) => readlink(path)) };
      case 'change':
        await changeAt(jail, operation.path, operation.change);
        break;
      case 'remove':
        await at(jail, operation.path, (path) => unlink(path));
        break;
      case 'remove-directory':
        await at(jail, operation.path, (path) => rmdir(path));
        break;
      case 'make-directory': {
        const mode = (operation.permissions ?? PERMISSIONS_USUAL) & ~NOT_TO_WRITE;
        await at(jail, operation.path, async (path) => {
          await mkdir(path, { mode });
          await giveTo(jail, path);
        });
        break;
      }
      case 'rename':
        await renameFile(jail, operation);
        break;
      case 'make-link':
        await makeLink(jail, operation.path, operation.target);
        break;
    }
    return { isDone: true };
  }

  async #keep(open: () => Promise<OpenFile | OpenListing>): Promise<FileAnswer> {
    if (this.#open.size >= OPEN_FILES_MAX)
      throw new FileRefused('files-too-many', `at most ${OPEN_FILES_MAX} files are open at once`);
    const opened = await open();
    const handle = this.#next;
    this.#next += 1;
    this.#open.set(handle, opened);
    return { handle };
  }
}

/** What is done to the name itself, which is never that of the working directory. @throws {FileRefused} */
async function at<Value>(
  jail: JailRoot,
  path: string,
  work: (path: string) => Promise<Value>,
): Promise<Value> {
  await using place = await findPlace(jail, path, { last: 'keep' });
  if (place.name === '.')
    throw new FileRefused('file-forbidden', 'this is not done to the working directory itself');
  try {
    return await work(place.path);
  } catch (cause) {
    throw refusalOf(cause, path);
  }
}
