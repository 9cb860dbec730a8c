import { z } from 'zod';

/** What is asked of the working directory of a kernel. */

const PATH_BYTES_MAX = 4_096;
export const FILE_NAME_BYTES_MAX = 255;
export const LISTED_MAX = 10_000;
export const TAR_PATHS_MAX = 1_000;

/** Below the working directory: no part is `..` and it does not begin at the root; `.` is the directory itself. */
export const FilePath = z
  .string()
  .min(1, 'it names a file')
  .refine((path) => !path.includes('\0'), 'no NUL')
  .refine((path) => path.isWellFormed(), 'it is Unicode text')
  .refine((path) => Buffer.byteLength(path) <= PATH_BYTES_MAX, `at most ${PATH_BYTES_MAX} bytes`)
  .refine((path) => !path.startsWith('/'), 'it lies below the working directory')
  .refine((path) => !path.split('/').includes('..'), 'no part of it is ..')
  .refine(
    (path) => path.split('/').every((part) => Buffer.byteLength(part) <= FILE_NAME_BYTES_MAX),
    `no part has more than ${FILE_NAME_BYTES_MAX} bytes`,
  );

const ofKernel = { kernel: z.uuid() };

export const FileRequest = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('file-list'), ...ofKernel, path: FilePath }),
  z.object({
    kind: z.literal('file-remove'),
    ...ofKernel,
    path: FilePath,
    isRecursive: z.boolean(),
  }),
  z.object({ kind: z.literal('file-rename'), ...ofKernel, from: FilePath, to: FilePath }),
  /** Answered with the file's bytes. */
  z.object({ kind: z.literal('file-read'), ...ofKernel, path: FilePath }),
  /** Answered with a tar of the files and of all that lies below them. */
  z.object({
    kind: z.literal('file-read-tar'),
    ...ofKernel,
    paths: z.array(FilePath).min(1).max(TAR_PATHS_MAX),
  }),
  /** Followed by the file's bytes. */
  z.object({ kind: z.literal('file-write'), ...ofKernel, path: FilePath }),
  /** Followed by a tar, which is unpacked in the directory. */
  z.object({ kind: z.literal('file-write-tar'), ...ofKernel, path: FilePath }),
]);
export type FileRequest = Readonly<z.infer<typeof FileRequest>>;

export const FileEntry = z.object({
  name: z.string(),
  kind: z.enum(['file', 'directory', 'link', 'other']),
  /** As `ls` shows it, such as `-rw-r--r--`. */
  mode: z.string(),
  sizeBytes: z.number(),
  modifiedAtMs: z.number(),
  accessedAtMs: z.number(),
  changedAtMs: z.number(),
  /** Where a link points to. */
  target: z.string().optional(),
});
export type FileEntry = Readonly<z.infer<typeof FileEntry>>;

export const FileList = z.object({
  entries: z.array(FileEntry),
  /** The directory as programs in the kernel see it. */
  directory: z.string(),
  /** There are more than are listed. */
  isCut: z.boolean(),
});
export type FileList = Readonly<z.infer<typeof FileList>>;

export const FilesWritten = z.object({ files: z.int(), bytes: z.number() });
export type FilesWritten = Readonly<z.infer<typeof FilesWritten>>;
