import { z } from 'zod';
import { FilePath } from './files.ts';

/** What is asked, over one stream, of files of a working directory that stay open between the questions. */

const OFFSET_MAX = Number.MAX_SAFE_INTEGER;
export const FILE_READ_BYTES_MAX = 256 * 1024;
/** Of one stream. */
export const OPEN_FILES_MAX = 256;

const Handle = z.int().min(0);
const Offset = z.int().min(0).max(OFFSET_MAX);
/** Who may read, write and run it; the bits above are not for anybody to set. */
const Permissions = z.int().min(0).max(0o777);

export const FileChange = z.object({
  sizeBytes: Offset.optional(),
  permissions: Permissions.optional(),
  accessedAtMs: z.number().optional(),
  modifiedAtMs: z.number().optional(),
});
export type FileChange = Readonly<z.infer<typeof FileChange>>;

export const FileOperation = z.discriminatedUnion('op', [
  z.object({
    op: z.literal('open'),
    path: FilePath,
    access: z.enum(['read', 'write', 'read-write']),
    /** Whether it is made where there is none, must be made, or must be there. */
    creation: z.enum(['never', 'if-absent', 'must']),
    isTruncated: z.boolean(),
    isAppended: z.boolean(),
    permissions: Permissions.optional(),
  }),
  z.object({ op: z.literal('open-directory'), path: FilePath }),
  z.object({ op: z.literal('close'), handle: Handle }),
  z.object({
    op: z.literal('read'),
    handle: Handle,
    offset: Offset,
    bytes: z.int().min(0).max(FILE_READ_BYTES_MAX),
  }),
  /** `data` in base64. */
  z.object({ op: z.literal('write'), handle: Handle, offset: Offset, data: z.string() }),
  z.object({ op: z.literal('read-directory'), handle: Handle }),
  z.object({ op: z.literal('look'), path: FilePath, last: z.enum(['keep', 'follow']) }),
  z.object({ op: z.literal('look-at-open'), handle: Handle }),
  z.object({ op: z.literal('change'), path: FilePath, change: FileChange }),
  z.object({ op: z.literal('change-open'), handle: Handle, change: FileChange }),
  z.object({ op: z.literal('remove'), path: FilePath }),
  z.object({ op: z.literal('remove-directory'), path: FilePath }),
  z.object({
    op: z.literal('make-directory'),
    path: FilePath,
    permissions: Permissions.optional(),
  }),
  z.object({ op: z.literal('rename'), from: FilePath, to: FilePath }),
  z.object({ op: z.literal('read-link'), path: FilePath }),
  z.object({ op: z.literal('make-link'), path: FilePath, target: z.string().max(4_096) }),
]);
export type FileOperation = Readonly<z.infer<typeof FileOperation>>;

/** Answered with one `home` frame, and then with a `file-answer` for each `file-operation`, in whatever order. */
export const OpenFilesRequest = z.object({ kind: z.literal('open-files'), kernel: z.uuid() });
export type OpenFilesRequest = Readonly<z.infer<typeof OpenFilesRequest>>;

export const FileFacts = z.object({
  kind: z.enum(['file', 'directory', 'link', 'other']),
  /** With the bits of its kind, as the system has them. */
  mode: z.int(),
  uid: z.int(),
  gid: z.int(),
  links: z.int(),
  sizeBytes: z.number(),
  accessedAtMs: z.number(),
  modifiedAtMs: z.number(),
});
export type FileFacts = Readonly<z.infer<typeof FileFacts>>;

export const FileAnswer = z.union([
  z.object({ failure: z.object({ code: z.string(), message: z.string() }) }),
  z.object({ handle: Handle }),
  /** Base64; empty: there is no more. */
  z.object({ data: z.string() }),
  z.object({ facts: FileFacts }),
  /** None: there are no more. */
  z.object({ entries: z.array(z.object({ name: z.string(), facts: FileFacts })) }),
  z.object({ target: z.string() }),
  z.object({ isDone: z.literal(true) }),
]);
export type FileAnswer = Readonly<z.infer<typeof FileAnswer>>;
