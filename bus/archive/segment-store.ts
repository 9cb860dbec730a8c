/**
 * Where archived segments lie. An object is written as a whole or not at all, and never changed: what has
 * the same name has the same bytes.
 */
export interface SegmentStore {
  /** Resolves when the object is durable. @throws {ArchiveUnavailable} */
  put(name: string, bytes: Uint8Array): Promise<void>;
  /** Undefined when there is none. @throws {ArchiveUnavailable} */
  get(name: string): Promise<Uint8Array | undefined>;
  /** All names, sorted. @throws {ArchiveUnavailable} */
  list(): Promise<readonly string[]>;
  /** Of an object that nobody counts on. Idempotent. @throws {ArchiveUnavailable} */
  remove(name: string): Promise<void>;
}

/** An object name: one path element without anything that a file system or a URL could take for more. */
export const OBJECT_NAME = /^[a-z0-9][a-z0-9.-]{0,127}$/;

/** The bytes of one object. A larger one is none of ours. */
export const OBJECT_BYTES_MAX = 64 * 1024 * 1024;
