import { OrreryError } from '@orrery/bus';

interface Cause {
  readonly cause: unknown;
}

/** A file of a kernel cannot be reached or changed as was asked; `code` says why. */
export class FileRefused extends OrreryError {
  override readonly name = 'FileRefused';
  readonly code: FileRefusal;
  readonly isRetryable = false;

  constructor(code: FileRefusal, message: string, options?: Cause) {
    super(message, options);
    this.code = code;
  }
}

export type FileRefusal =
  | 'file-not-found'
  | 'file-exists'
  | 'file-outside'
  | 'file-not-regular'
  | 'file-not-directory'
  | 'file-is-directory'
  | 'file-name-invalid'
  | 'file-too-many-links'
  | 'file-forbidden'
  | 'directory-not-empty'
  | 'file-not-open'
  | 'files-too-many'
  | 'archive-invalid'
  | 'archive-too-large'
  | 'space-exhausted';

const OF_SYSTEM: Readonly<Record<string, readonly [FileRefusal, string]>> = {
  ENOENT: ['file-not-found', 'there is no such file'],
  EEXIST: ['file-exists', 'there is something of this name already'],
  ENOTDIR: ['file-not-directory', 'a part of the path is no directory'],
  EISDIR: ['file-is-directory', 'it is a directory'],
  ENOTEMPTY: ['directory-not-empty', 'the directory is not empty'],
  ELOOP: ['file-too-many-links', 'it is a link, or leads through too many'],
  ENAMETOOLONG: ['file-name-invalid', 'the name is too long'],
  EINVAL: ['file-name-invalid', 'the name or the move is not possible'],
  EACCES: ['file-forbidden', 'this is not allowed there'],
  EPERM: ['file-forbidden', 'this is not allowed there'],
  ENOSPC: ['space-exhausted', 'there is no space left'],
  EDQUOT: ['space-exhausted', 'the quota is used up'],
  ENXIO: ['file-not-regular', 'it is no regular file'],
  ENODEV: ['file-not-regular', 'it is no regular file'],
};

/** What the system refused about a path, in our words; anything else as it is. */
export function refusalOf(cause: unknown, path: string): unknown {
  if (!(cause instanceof Error) || !('code' in cause)) return cause;
  const known = OF_SYSTEM[String(cause.code)];
  return known === undefined
    ? cause
    : new FileRefused(known[0], `${JSON.stringify(path)}: ${known[1]}`, { cause });
}
