import type { KeyValues } from '../bus.ts';
import { MalformedMessage } from '../errors.ts';
import type { Link } from './link.ts';

/** Prefix of the keys of agents' checkpoints. */
export const AGENT_CHECKPOINTS = 'checkpoint.agent';

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

/** What is behind the checkpoint of a lane is purged. */
export async function purgeLane(
  link: Link,
  { stream, filter, sequence }: Pick<Lane, 'stream' | 'filter'> & { readonly sequence: number },
): Promise<void> {
  const purge = JSON.stringify({ filter, seq: sequence + 1 });
  await link.exchange('purge a lane', () => link.call(`$JS.API.STREAM.PURGE.${stream}`, purge));
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
  await Promise.all([config.put(lane.key, String(lane.sequence)), purgeLane(link, lane)]);
}

/** Of all nodes; one that is no number is of nobody of ours. */
export async function* followCheckpoints(
  config: KeyValues,
  signal: AbortSignal,
): AsyncGenerator<readonly { readonly node: string; readonly sequence: number }[]> {
  for await (const changes of config.watch(AGENT_CHECKPOINTS, signal)) {
    const newest = new Map(
      changes.map(({ key, value }) => [key.slice(AGENT_CHECKPOINTS.length + 1), Number(value)]),
    );
    yield [...newest]
      .filter(([, sequence]) => Number.isSafeInteger(sequence))
      .map(([node, sequence]) => ({ node, sequence }));
  }
}
