import type { Clock, Logger } from '@orrery/bus';

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;

/** Calls until it succeeds. @throws only the signal's reason. */
export async function insist<Value>(
  options: {
    readonly doing: string;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly signal: AbortSignal;
  },
  call: () => Promise<Value>,
): Promise<Value> {
  const { doing, clock, logger, signal } = options;
  for (let waitMs = RETRY_MS_MIN; ; waitMs = Math.min(waitMs * 2, RETRY_MS_MAX)) {
    signal.throwIfAborted();
    try {
      return await call();
    } catch (err) {
      signal.throwIfAborted();
      logger.warn({ err, doing, waitMs }, 'tried again');
      await clock.sleep(waitMs, signal);
    }
  }
}
