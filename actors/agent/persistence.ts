import type { Clock, Logger } from '@orrery/bus';
import { EngineUnavailable } from './errors.ts';

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;

/** How long an engine that does not answer is asked to begin something. */
const ENGINE_MS_MAX = 20_000;
const ENGINE_STEP_MS = 500;

/**
 * Calls again for a while as long as the engine does not answer.
 * @throws the signal's reason, and what the last call throws.
 */
export async function awaitEngine<Value>(
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  call: () => Promise<Value>,
): Promise<Value> {
  const deadlineMs = clock.nowMs() + ENGINE_MS_MAX;
  for (;;) {
    try {
      return await call();
    } catch (cause) {
      signal.throwIfAborted();
      if (!(cause instanceof EngineUnavailable) || clock.nowMs() >= deadlineMs) throw cause;
      await clock.sleep(ENGINE_STEP_MS, signal);
    }
  }
}

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
