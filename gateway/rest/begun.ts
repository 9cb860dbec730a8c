import { Readable } from 'node:stream';

/** What waits in the process for a slow reader. */
const WAITING_BYTES_MAX = 256 * 1024;

/** The content of an answer. What cannot be read is refused before the answer begins, as `told` says it. */
export async function begun(
  pieces: AsyncGenerator<Buffer, void>,
  told: (error: unknown) => unknown,
): Promise<Readable> {
  try {
    const first = await pieces.next();
    const all = async function* (): AsyncGenerator<Buffer, void> {
      if (first.done === true) return;
      yield first.value;
      yield* pieces;
    };
    return Readable.from(all(), { objectMode: false, highWaterMark: WAITING_BYTES_MAX });
  } catch (error) {
    throw told(error);
  }
}
