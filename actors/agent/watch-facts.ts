import type { Clock, Logger, NodeFacts } from '@orrery/bus';
import type { NodeTroubles } from './node-troubles.ts';

const REFRESH_PERIOD_MS = 30_000;

/** A part of a node that may change while its agent runs. */
export interface Changing {
  /** Whether it has changed since it was looked at last. */
  refresh(signal: AbortSignal): Promise<boolean>;
}

interface Parts {
  readonly changing: readonly Changing[];
  /** What is wrong is told as soon as it is known. */
  readonly troubles: Pick<NodeTroubles, 'news'>;
  readonly factsNow: () => NodeFacts;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The facts of a node whenever a part of it has changed, until the signal fires. */
export async function* watchFacts(parts: Parts, signal: AbortSignal): AsyncGenerator<NodeFacts> {
  const { changing, troubles, factsNow, clock, logger } = parts;
  let news = troubles.news();
  // A part that hangs must not keep the others from being told.
  let looking = look(changing, { clock, logger, signal });
  while (!signal.aborted) {
    const heard = await Promise.race([news.then(() => 'news' as const), looking]);
    if (signal.aborted) return;
    if (heard === 'news') news = troubles.news();
    else looking = look(changing, { clock, logger, signal });
    if (heard !== 'unchanged') yield factsNow();
  }
}

/** After the usual time. */
async function look(
  changing: readonly Changing[],
  {
    clock,
    logger,
    signal,
  }: Pick<Parts, 'clock' | 'logger'> & {
    readonly signal: AbortSignal;
  },
): Promise<'changed' | 'unchanged'> {
  await clock.sleep(REFRESH_PERIOD_MS, signal).catch(() => undefined);
  let hasChanged = false;
  for (const part of changing) {
    if (signal.aborted) break;
    try {
      hasChanged = (await part.refresh(signal)) || hasChanged;
    } catch (err) {
      if (!signal.aborted) logger.warn({ err }, 'a part of this node could not be looked at');
    }
  }
  return hasChanged ? 'changed' : 'unchanged';
}
