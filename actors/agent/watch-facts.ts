import type { Clock, Logger, NodeFacts } from '@orrery/bus';

const REFRESH_PERIOD_MS = 30_000;

/** A part of a node that may change while its agent runs. */
export interface Changing {
  /** Whether it has changed since it was looked at last. */
  refresh(signal: AbortSignal): Promise<boolean>;
}

/** The facts of a node whenever a part of it has changed, until the signal fires. */
export async function* watchFacts(
  parts: {
    readonly changing: readonly Changing[];
    readonly factsNow: () => NodeFacts;
    readonly clock: Clock;
    readonly logger: Logger;
  },
  signal: AbortSignal,
): AsyncGenerator<NodeFacts> {
  const { changing, factsNow, clock, logger } = parts;
  while (!signal.aborted) {
    await clock.sleep(REFRESH_PERIOD_MS, signal).catch(() => undefined);
    if (signal.aborted) return;
    let hasChanged = false;
    for (const part of changing) {
      try {
        hasChanged = (await part.refresh(signal)) || hasChanged;
      } catch (err) {
        if (!signal.aborted) logger.warn({ err }, 'a part of this node could not be looked at');
      }
    }
    if (hasChanged) yield factsNow();
  }
}
