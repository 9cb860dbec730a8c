import {
  ArchiveDamaged,
  type ArchivedMessage,
  type ArchivedSegment,
  contentName,
  encodeSegment,
  manifestName,
  readSegment,
} from '@orrery/bus';
import type { Archiver } from './archiver.ts';

/**
 * Writes messages as the segment behind the newest one and reads it back. It does not count before it is
 * anchored. @throws {ArchiveDamaged} when what is read is not what was written.
 */
export async function writeSegment(
  { store, index }: Pick<Archiver, 'store' | 'index'>,
  messages: readonly ArchivedMessage[],
): Promise<ArchivedSegment> {
  const { number, manifestHash } = index.newest ?? { number: 0, manifestHash: '' };
  const encoded = await encodeSegment(messages, { number, manifestHash });
  const { segment } = encoded;
  await store.put(contentName(segment.name), encoded.content);
  await store.put(manifestName(segment.name), encoded.manifest);
  const read = await readSegment(store, segment);
  const isSame =
    read.length === messages.length &&
    read.every((one, at) => {
      const message = messages[at]?.message;
      return (
        message !== undefined &&
        one.sequence === message.sequence &&
        one.subject === message.subject &&
        one.messageId === message.messageId &&
        Buffer.compare(one.body, message.body) === 0
      );
    });
  if (!isSame) throw new ArchiveDamaged(segment.name, 'it does not read as it was written');
  return segment;
}

/** What was written before a crash and never anchored. Its name is of its contents, so nothing else has it. */
export async function removeLeftovers({
  store,
  index,
}: Pick<Archiver, 'store' | 'index'>): Promise<void> {
  const newest = index.newest?.number ?? 0;
  for (const name of await store.list())
    if (Number.parseInt(name, 10) > newest) await store.remove(name);
}
