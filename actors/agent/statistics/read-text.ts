import { closeSync, openSync, readSync } from 'node:fs';

const BUFFER_BYTES = 65_536;
/** The system gives such files a page at a time: whatever is well below that was all. */
const PART_BYTES_MIN = 2_048;
/** Shared: what is read is made text before anything else happens. */
const buffer = Buffer.allocUnsafe(BUFFER_BYTES);

/**
 * The text of a file of the system, in as few calls as can be: a hundred containers have hundreds of them. Empty where
 * there is none, as containers come and go while one reads.
 */
export function readText(path: string): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    let length = 0;
    for (;;) {
      const part = readSync(file, buffer, length, BUFFER_BYTES - length, null);
      length += part;
      if (part < PART_BYTES_MIN || length === BUFFER_BYTES)
        return buffer.toString('latin1', 0, length);
    }
  } catch {
    return '';
  } finally {
    closeSync(file);
  }
}
