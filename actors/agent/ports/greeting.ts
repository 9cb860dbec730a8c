import type { Duplex } from 'node:stream';

/** A line of a word at most; whoever says more is not what it should be. */
const LINE_BYTES_MAX = 256;
const LINE_END = 10;

/** What a dialler says once it is through to the port; any other word is why it is not. */
export const THROUGH = '+';

/**
 * The first line; what comes after it stays in the stream. Undefined: the stream ended before.
 * @throws what the stream failed with.
 */
export function firstLine(stream: Duplex): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let held = Buffer.alloc(0);
    const settle = (): void => {
      stream.off('readable', look);
      stream.off('end', ended);
      stream.off('close', ended);
      stream.off('error', failed);
    };
    const ended = (): void => {
      settle();
      resolve(undefined);
    };
    const failed = (cause: unknown): void => {
      settle();
      reject(cause);
    };
    const look = (): void => {
      for (let some = stream.read(); some !== null; some = stream.read()) {
        held = Buffer.concat([held, some]);
        const at = held.indexOf(LINE_END);
        if (at < 0 && held.length < LINE_BYTES_MAX) continue;
        settle();
        if (at >= 0 && at + 1 < held.length) stream.unshift(held.subarray(at + 1));
        resolve(at < 0 ? undefined : held.subarray(0, at).toString());
        return;
      }
    };
    stream.on('readable', look);
    stream.once('end', ended);
    stream.once('close', ended);
    stream.once('error', failed);
    look();
  });
}
