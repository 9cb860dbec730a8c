import type { Commit } from './envelope.ts';
import { MessageTooLarge } from './errors.ts';
import { contentId } from './ids.ts';
import { encodeBody, MESSAGE_BYTES_MAX } from './message-codec.ts';

/** The JSON of commits that were sealed here, so that each is written out once. */
const texts = new WeakMap<Commit, string>();

/**
 * The commit with the id that stands for its content: one decided anew after a lost answer is another
 * one, which the log refuses, and not a double of which nobody knows the hash.
 */
export function sealCommit(content: Omit<Commit, 'id'>): Commit {
  const text = JSON.stringify(content);
  const id = contentId(text);
  const commit: Commit = { id, ...content };
  texts.set(commit, `{"id":"${id}",${text.slice(1)}`);
  return commit;
}

/** The size of a sealed commit in characters, which is at most that in bytes; 0 for another one. */
export function sealedLength(commit: Commit): number {
  return texts.get(commit)?.length ?? 0;
}

/** The bytes of a commit as they lie in the log. @throws {MessageTooLarge} */
export function encodeCommit(subject: string, commit: Commit): Buffer {
  const text = texts.get(commit);
  if (text === undefined) return encodeBody(subject, commit);
  const bytes = Buffer.from(text);
  if (bytes.byteLength > MESSAGE_BYTES_MAX)
    throw new MessageTooLarge(subject, bytes.byteLength, MESSAGE_BYTES_MAX);
  return bytes;
}
