import { hash } from 'node:crypto';
import type { AggregateName, Commit, LogMessage, Witness } from '@orrery/bus';
import { furniture, LogBook, lifeOf, unrecorded } from '../../unit/projections/log-book.ts';

/** A message that shall lie in a log; its sequence is given by where it comes to lie. */
export type Written = Omit<LogMessage, 'sequence'>;

export const CHAINED = ['atlas', 'borea', 'ceres'] as const;

/** The commits of three sessions' lives side by side, with the scheduler's and others between them, chained. */
export function chainedCommits(): readonly Commit[] {
  const book = new LogBook('chained');
  for (const step of furniture()) step(book);
  const lives = CHAINED.map((name) => lifeOf(name));
  for (let step = 0; lives.some((life) => life[step] !== undefined); step += 1)
    for (const life of lives) life[step]?.(book);
  const heads = new Map<string, string>();
  return book.commits.map((recorded) => {
    const key = `${recorded.aggregate}.${recorded.aggregateId}`;
    const commit = { ...unrecorded(recorded), previousHash: heads.get(key) ?? '' };
    heads.set(key, hashOf(bodyOf(commit)));
    return commit;
  });
}

export function bodyOf(commit: Commit): Buffer {
  return Buffer.from(JSON.stringify(commit));
}

export function hashOf(body: Uint8Array): string {
  return hash('sha256', body, 'hex');
}

export function written(commit: Commit): Written {
  const { aggregate, aggregateId, id } = commit;
  return { subject: `evt.${aggregate}.${aggregateId}`, messageId: id, body: bodyOf(commit) };
}

export function commitOf({ body }: Written): Commit {
  return JSON.parse(Buffer.from(body).toString());
}

/** As a stream would hold them. */
export function laid(messages: readonly Written[]): readonly LogMessage[] {
  return messages.map((message, index) => ({ ...message, sequence: index + 1 }));
}

export function witnessOf(commits: readonly Commit[]): readonly Witness[] {
  return commits.map((commit, index) => ({
    sequence: index + 1,
    aggregate: commit.aggregate,
    aggregateId: commit.aggregateId,
    firstRevision: commit.firstRevision,
    hash: hashOf(bodyOf(commit)),
  }));
}

export async function* pagesOf<Item>(
  items: readonly Item[],
  pageMax = 7,
): AsyncGenerator<readonly Item[]> {
  for (let at = 0; at < items.length; at += pageMax) yield items.slice(at, at + pageMax);
}

/** Index in the log of the `nth` commit (from 0, or from the end when negative) of an aggregate. */
export function indexOf(
  log: readonly Written[],
  aggregate: AggregateName,
  aggregateId: string,
  nth: number,
): number {
  const own = log.flatMap(({ subject }, index) =>
    subject === `evt.${aggregate}.${aggregateId}` ? [index] : [],
  );
  const index = own.at(nth);
  if (index === undefined) throw new Error(`${aggregate}:${aggregateId} has no commit ${nth}`);
  return index;
}
