import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readSync,
  statSync,
  truncateSync,
} from 'node:fs';

/** Size at which a log is moved aside; one older file is kept, so a log takes at most twice this. */
export const LOG_BYTES_MAX = 32 * 1024 * 1024;

const TAIL_BYTES_MAX = 64 * 1024;

/** A log that a child process writes to by its own descriptor, opened for appending. */
export class LogFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** The caller closes the descriptor. */
  open(): number {
    return openSync(this.path, 'a', 0o600);
  }

  append(line: string): void {
    appendFileSync(this.path, `${line}\n`, { mode: 0o600 });
  }

  get sizeBytes(): number {
    return existsSync(this.path) ? statSync(this.path).size : 0;
  }

  /** What was written after `offsetBytes`, at most the last 64 KiB of it. */
  since(offsetBytes: number): string {
    const { sizeBytes } = this;
    // A log that became shorter was moved aside meanwhile.
    const from = Math.max(offsetBytes > sizeBytes ? 0 : offsetBytes, sizeBytes - TAIL_BYTES_MAX);
    if (sizeBytes <= from) return '';
    const descriptor = openSync(this.path, 'r');
    try {
      const buffer = Buffer.alloc(sizeBytes - from);
      const count = readSync(descriptor, buffer, 0, buffer.length, from);
      return buffer.toString('utf8', 0, count);
    } finally {
      closeSync(descriptor);
    }
  }

  /**
   * Copies and empties a log that has grown too large. The writer keeps its descriptor; lines written
   * between the two steps are lost, which a log may.
   */
  limit(bytesMax: number = LOG_BYTES_MAX): void {
    if (this.sizeBytes <= bytesMax) return;
    copyFileSync(this.path, `${this.path}.1`);
    truncateSync(this.path);
  }
}
