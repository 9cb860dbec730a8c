import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readlink } from 'node:fs/promises';
import { FileRefused, refusalOf } from './errors.ts';

const LINKS_MAX = 40;
const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

/**
 * A place in a directory that is held open: whatever a program does to the tree meanwhile, what is done at
 * `path` is done in this very directory. The name is of one part and is never followed when it is a link.
 */
export interface Place extends AsyncDisposable {
  readonly directory: FileHandle;
  readonly name: string;
  /** Through the open directory; for calls that do not follow a last link. */
  readonly path: string;
}

export interface JailRoot {
  /** The working directory on the node. */
  readonly root: string;
  /** The same as programs see it, at which links may begin. */
  readonly home: string;
}

/**
 * Finds a path below the root, part by part, each from the open directory before it. Links are followed
 * as long as they stay inside; with `last: 'follow'` the last part as well.
 * @throws {FileRefused} `file-outside` when a link leads out.
 */
export async function findPlace(
  jail: JailRoot,
  path: string,
  { last }: { readonly last: 'keep' | 'follow' },
): Promise<Place> {
  const walk = new Walk(jail, path);
  try {
    return await walk.to(last);
  } catch (cause) {
    await walk.close();
    throw refusalOf(cause, path);
  }
}

/** The directory itself. @throws {FileRefused} */
export async function openDirectory(jail: JailRoot, path: string): Promise<FileHandle> {
  await using place = await findPlace(jail, path, { last: 'follow' });
  try {
    return await open(place.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (cause) {
    throw refusalOf(cause, path);
  }
}

/** A regular file, for reading. @throws {FileRefused} */
export async function openFile(jail: JailRoot, path: string): Promise<FileHandle> {
  await using place = await findPlace(jail, path, { last: 'follow' });
  let file: FileHandle | undefined;
  try {
    // Without waiting: somebody may have put a pipe there.
    file = await open(place.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const facts = await file.stat();
    if (facts.isFile()) return file;
    const code = facts.isDirectory() ? 'file-is-directory' : 'file-not-regular';
    const what = facts.isDirectory() ? 'it is a directory' : 'it is no regular file';
    throw new FileRefused(code, `${JSON.stringify(path)}: ${what}`);
  } catch (cause) {
    await file?.close();
    throw refusalOf(cause, path);
  }
}

/** Where a name in an open directory is reached, without anybody moving the directory away. */
export function within(directory: FileHandle, name: string): string {
  return `/proc/self/fd/${directory.fd}/${name}`;
}

class Walk {
  readonly #jail: JailRoot;
  readonly #path: string;
  /** From the root down to where we are. */
  readonly #open: FileHandle[] = [];
  readonly #parts: string[];
  #links = 0;

  constructor(jail: JailRoot, path: string) {
    this.#jail = jail;
    this.#path = path;
    this.#parts = partsOf(path);
  }

  async to(last: 'keep' | 'follow'): Promise<Place> {
    await this.#enter(this.#jail.root);
    for (;;) {
      const name = this.#parts.shift();
      if (name === undefined) return this.#placeOf('.');
      if (name === '..') {
        await this.#leave();
        continue;
      }
      const isLast = this.#parts.length === 0;
      const path = within(this.#here, name);
      if (isLast && last === 'keep') return this.#placeOf(name);
      const facts = await lstat(path).catch((cause: unknown) => {
        // What is to be made is not there yet.
        if (isLast && cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')
          return undefined;
        throw cause;
      });
      if (facts?.isSymbolicLink() === true) this.#follow(await readlink(path));
      else if (isLast) return this.#placeOf(name);
      else await this.#enter(path);
    }
  }

  async close(): Promise<void> {
    for (const directory of this.#open.splice(0)) await directory.close();
  }

  get #here(): FileHandle {
    const here = this.#open.at(-1);
    if (here === undefined) throw this.#outside();
    return here;
  }

  async #enter(path: string): Promise<void> {
    this.#open.push(await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  }

  async #leave(): Promise<void> {
    if (this.#open.length <= 1) throw this.#outside();
    await this.#open.pop()?.close();
  }

  #follow(target: string): void {
    this.#links += 1;
    if (this.#links > LINKS_MAX)
      throw new FileRefused('file-too-many-links', `${JSON.stringify(this.#path)}: too many links`);
    if (!target.startsWith('/')) {
      this.#parts.unshift(...partsOf(target));
      return;
    }
    const { home } = this.#jail;
    if (target !== home && !target.startsWith(`${home}/`)) throw this.#outside();
    const above = this.#open.slice(1).map(() => '..');
    this.#parts.unshift(...above, ...partsOf(target.slice(home.length)));
  }

  async #placeOf(name: string): Promise<Place> {
    const directory = this.#here;
    this.#open.pop();
    await this.close();
    return {
      directory,
      name,
      path: within(directory, name),
      [Symbol.asyncDispose]: () => directory.close(),
    };
  }

  #outside(): FileRefused {
    const path = JSON.stringify(this.#path);
    return new FileRefused('file-outside', `${path} leads out of the working directory`);
  }
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
