import type { KeyValues } from '../bus.ts';
import { MalformedMessage } from '../errors.ts';
import type { Link } from './link.ts';

export interface Lane {
  readonly stream: string;
  /** Subjects of the lane, with wildcards. */
  readonly filter: string;
  /** Key under which its checkpoint is kept. */
  readonly key: string;
}

export async function readCheckpoint(config: KeyValues, lane: Lane): Promise<number> {
  const entry = await config.get(lane.key);
  if (entry === undefined) return 0;
  const sequence = Number(entry.value);
  if (!Number.isSafeInteger(sequence)) throw new MalformedMessage(lane.key);
  return sequence;
}

/**
 * Keeps the checkpoint and purges what is behind it, side by side: whichever comes first, what is purged
 * was done, and a checkpoint that lags behind only names messages that are gone.
 */
export async function writeCheckpoint(
  link: Link,
  config: KeyValues,
  lane: Lane & { readonly sequence: number },
): Promise<void> {
  const purge = JSON.stringify({ filter: lane.filter, seq: lane.sequence + 1 });
  await Promise.all([
    config.put(lane.key, String(lane.sequence)),
    link.exchange('purge a lane', () => link.call(`$JS.API.STREAM.PURGE.${lane.stream}`, purge)),
  ]);
}
