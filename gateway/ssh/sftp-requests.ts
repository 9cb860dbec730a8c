import { posix } from 'node:path';
import {
  FILE_READ_BYTES_MAX,
  type FileChange,
  type FileFacts,
  type FileOperation,
  PeerFailed,
} from '@orrery/bus';
import ssh2, { type Attributes, type SFTPWrapper } from 'ssh2';
import { RequestFailed } from '../errors.ts';
import type { SftpFiles } from './sftp-channel.ts';

const { OPEN_MODE, STATUS_CODE } = ssh2.utils.sftp;
const PERMISSIONS = 0o777;
const HANDLE_BYTES = 4;
/** Refusals that the protocol has words of its own for. */
const STATUS_OF: Readonly<Record<string, number>> = {
  'file-not-found': STATUS_CODE.NO_SUCH_FILE,
  'file-outside': STATUS_CODE.PERMISSION_DENIED,
  'file-forbidden': STATUS_CODE.PERMISSION_DENIED,
};

type Reply = () => unknown;
type OpenOperation = Extract<FileOperation, { readonly op: 'open' }>;

/** Registers what becomes of each request of the protocol (SFTP version 3). */
export function registerRequests(sftp: SFTPWrapper, files: SftpFiles): void {
  const requests = new Requests(sftp, files);
  requests.registerOpen();
  requests.registerNamed();
}

class Requests {
  readonly #sftp: SFTPWrapper;
  readonly #files: SftpFiles;
  /** Of the newest answer: clients take what comes out of order for the end of a file. */
  #answered: Promise<void> = Promise.resolve();

  constructor(sftp: SFTPWrapper, files: SftpFiles) {
    this.#sftp = sftp;
    this.#files = files;
  }

  /** What is done to files and directories that are open. */
  registerOpen(): void {
    const sftp = this.#sftp;
    sftp.on('OPEN', (id, name, flags, attributes) =>
      this.#answer(id, async () => {
        const path = this.#files.pathOf(name);
        const operation = openOperation(path, flags, attributes);
        await this.#files.note(
          operation.access === 'read'
            ? { kind: 'files-read', paths: [path], pathsTotal: 1, isArchive: false }
            : { kind: 'files-written', path, isArchive: false },
        );
        return this.#handleReply(id, operation);
      }),
    );
    sftp.on('OPENDIR', (id, name) =>
      this.#answer(id, () =>
        this.#handleReply(id, { op: 'open-directory', path: this.#files.pathOf(name) }),
      ),
    );
    sftp.on('READ', (id, name, offset, length) => {
      const handle = numberOf(name);
      this.#answer(id, async () => {
        const bytes = Math.min(length, FILE_READ_BYTES_MAX);
        const answer = await this.#files.ask({ op: 'read', handle, offset, bytes });
        const data = 'data' in answer ? Buffer.from(answer.data, 'base64') : Buffer.alloc(0);
        if (data.length > 0 || length === 0) return () => sftp.data(id, data);
        return () => sftp.status(id, STATUS_CODE.EOF);
      });
    });
    sftp.on('WRITE', (id, name, offset, bytes) => {
      // The bytes are somebody else's as soon as this returns, and those of the handle as well.
      const data = bytes.toString('base64');
      const handle = numberOf(name);
      this.#carryOut(id, () => ({ op: 'write', handle, offset, data }));
    });
    sftp.on('READDIR', (id, name) => {
      const handle = numberOf(name);
      this.#answer(id, async () => {
        const answer = await this.#files.ask({ op: 'read-directory', handle });
        const entries = 'entries' in answer ? answer.entries : [];
        if (entries.length === 0) return () => sftp.status(id, STATUS_CODE.EOF);
        const names = entries.map(({ name, facts }) => ({
          filename: name,
          longname: lineOf(name, facts),
          attrs: attributesOf(facts),
        }));
        return () => sftp.name(id, names);
      });
    });
    sftp.on('FSTAT', (id, name) => {
      const handle = numberOf(name);
      this.#look(id, () => ({ op: 'look-at-open', handle }));
    });
    sftp.on('FSETSTAT', (id, name, attributes) => {
      const [handle, change] = [numberOf(name), changeOf(attributes)];
      this.#carryOut(id, () => ({ op: 'change-open', handle, change }));
    });
    sftp.on('CLOSE', (id, name) => {
      const handle = numberOf(name);
      this.#carryOut(id, () => ({ op: 'close', handle }));
    });
  }

  /** What is done to names. */
  registerNamed(): void {
    const sftp = this.#sftp;
    const files = this.#files;
    const named = (name: string): { readonly path: string } => ({ path: files.pathOf(name) });
    sftp.on('STAT', (id, name) =>
      this.#look(id, () => ({ op: 'look', ...named(name), last: 'follow' })),
    );
    sftp.on('LSTAT', (id, name) =>
      this.#look(id, () => ({ op: 'look', ...named(name), last: 'keep' })),
    );
    sftp.on('REALPATH', (id, name) =>
      this.#answer(id, async () => {
        const filename = posix.resolve(files.home, name);
        return () => sftp.name(id, [{ filename, longname: filename, attrs: NO_ATTRIBUTES }]);
      }),
    );
    sftp.on('READLINK', (id, name) =>
      this.#answer(id, async () => {
        const answer = await this.#files.ask({ op: 'read-link', ...named(name) });
        const filename = 'target' in answer ? answer.target : '';
        return () => sftp.name(id, [{ filename, longname: filename, attrs: NO_ATTRIBUTES }]);
      }),
    );
    sftp.on('SETSTAT', (id, name, attributes) =>
      this.#carryOut(id, () => ({ op: 'change', ...named(name), change: changeOf(attributes) })),
    );
    sftp.on('MKDIR', (id, name, { mode }) =>
      this.#change(id, () => ({
        op: 'make-directory',
        ...named(name),
        permissions: mode === undefined ? undefined : mode & PERMISSIONS,
      })),
    );
    sftp.on('REMOVE', (id, name) => this.#change(id, () => ({ op: 'remove', ...named(name) })));
    sftp.on('RMDIR', (id, name) =>
      this.#change(id, () => ({ op: 'remove-directory', ...named(name) })),
    );
    sftp.on('RENAME', (id, from, to) =>
      this.#change(id, () => ({ op: 'rename', from: files.pathOf(from), to: files.pathOf(to) })),
    );
    sftp.on('SYMLINK', (id, link, target) =>
      this.#change(id, () => ({ op: 'make-link', ...named(link), target })),
    );
  }

  /** Written down, then done. */
  #change(id: number, operation: () => FileOperation): void {
    this.#answer(id, async () => {
      const asked = operation();
      await this.#note(asked);
      await this.#files.ask(asked);
      return () => this.#sftp.status(id, STATUS_CODE.OK);
    });
  }

  async #note(operation: FileOperation): Promise<void> {
    switch (operation.op) {
      case 'remove':
      case 'remove-directory': {
        const { path } = operation;
        return this.#files.note({ kind: 'file-removed', path, isRecursive: false });
      }
      case 'rename': {
        const { from, to } = operation;
        return this.#files.note({ kind: 'file-renamed', from, to });
      }
      case 'make-directory':
      case 'make-link':
        return this.#files.note({
          kind: 'files-written',
          path: operation.path,
          isArchive: false,
        });
      default:
        return undefined;
    }
  }

  #carryOut(id: number, operation: () => FileOperation): void {
    this.#answer(id, async () => {
      await this.#files.ask(operation());
      return () => this.#sftp.status(id, STATUS_CODE.OK);
    });
  }

  #look(id: number, operation: () => FileOperation): void {
    this.#answer(id, async () => {
      const answer = await this.#files.ask(operation());
      if (!('facts' in answer)) return () => this.#sftp.status(id, STATUS_CODE.FAILURE);
      const attributes = attributesOf(answer.facts);
      return () => this.#sftp.attrs(id, attributes);
    });
  }

  async #handleReply(id: number, operation: FileOperation): Promise<Reply> {
    const answer = await this.#files.ask(operation);
    const handle = Buffer.alloc(HANDLE_BYTES);
    handle.writeUInt32BE('handle' in answer ? answer.handle : 0);
    return () => this.#sftp.handle(id, handle);
  }

  /** Side by side, and answered in the order in which they were asked. */
  #answer(id: number, work: () => Promise<Reply>): void {
    const run = async (): Promise<Reply> => {
      try {
        await this.#files.ready();
        return await work();
      } catch (error) {
        const { status, message } = toldOf(error);
        return () => this.#sftp.status(id, status, message);
      }
    };
    const replying = run();
    const before = this.#answered;
    this.#answered = (async () => {
      await before;
      const reply = await replying;
      reply();
    })();
  }
}

/** Nothing is known of it. */
const NO_ATTRIBUTES = {} as Attributes;

function toldOf(error: unknown): { readonly status: number; readonly message: string } {
  if (error instanceof RequestFailed || error instanceof PeerFailed) {
    const code = error instanceof PeerFailed ? error.peerCode : String(error.details?.['code']);
    return { status: STATUS_OF[code] ?? STATUS_CODE.FAILURE, message: error.message };
  }
  return { status: STATUS_CODE.FAILURE, message: 'the files cannot be reached' };
}

function openOperation(path: string, flags: number, { mode }: Attributes): OpenOperation {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const isWritten = has(OPEN_MODE.WRITE) || has(OPEN_MODE.APPEND);
  const access = isWritten ? (has(OPEN_MODE.READ) ? 'read-write' : 'write') : 'read';
  const creation = has(OPEN_MODE.EXCL) ? 'must' : 'if-absent';
  return {
    op: 'open',
    path,
    access,
    creation: has(OPEN_MODE.CREAT) ? creation : 'never',
    isTruncated: has(OPEN_MODE.TRUNC),
    isAppended: has(OPEN_MODE.APPEND),
    permissions: mode === undefined ? undefined : mode & PERMISSIONS,
  };
}

/** Who it belongs to is not for the client to say, as with `cp`. */
function changeOf({ size, mode, atime, mtime }: Partial<Attributes>): FileChange {
  return {
    sizeBytes: size,
    permissions: mode === undefined ? undefined : mode & PERMISSIONS,
    accessedAtMs: atime === undefined ? undefined : atime * 1000,
    modifiedAtMs: mtime === undefined ? undefined : mtime * 1000,
  };
}

function attributesOf({ mode, uid, gid, sizeBytes, ...facts }: FileFacts): Attributes {
  return {
    mode,
    uid,
    gid,
    size: sizeBytes,
    atime: Math.floor(facts.accessedAtMs / 1000),
    mtime: Math.floor(facts.modifiedAtMs / 1000),
  };
}

/** As `ls -l` shows it, which clients print as it is. */
function lineOf(name: string, { kind, mode, links, uid, gid, ...facts }: FileFacts): string {
  const letter = { file: '-', directory: 'd', link: 'l', other: '?' }[kind];
  const bits = [...'rwxrwxrwx'].map((bit, at) => ((mode >> (8 - at)) & 1 ? bit : '-')).join('');
  const time = new Date(facts.modifiedAtMs).toISOString().slice(0, 16).replace('T', ' ');
  const size = String(facts.sizeBytes).padStart(10);
  return `${letter}${bits} ${String(links).padStart(3)} ${uid} ${gid} ${size} ${time} ${name}`;
}

function numberOf(handle: Buffer): number {
  return handle.length === HANDLE_BYTES ? handle.readUInt32BE() : 0;
}
