import type { AggregateName, Bus, Clock, Logger, RecordedCommit } from '@orrery/bus';
import { OrreryError } from '@orrery/bus';

/** How long the log may be away while a history is read. Milliseconds. */
const OUTAGE_MS_MAX = 60_000;
const READ_AGAIN_MS = 250;

/**
 * All commits of one aggregate up to now, oldest first, read on after a lost connection.
 * @throws the log's failure when it is away for longer than `OUTAGE_MS_MAX`; the signal's reason.
 */
export async function* readHistory(
  parts: { readonly bus: Pick<Bus, 'log'>; readonly clock: Clock; readonly logger: Logger },
  of: { readonly aggregate: AggregateName; readonly id: string },
  signal: AbortSignal,
): AsyncGenerator<RecordedCommit, void> {
  const { bus, clock, logger } = parts;
  let sequence = 0;
  let failingSinceMs: number | undefined;
  for (;;) {
    try {
      for await (const commit of bus.log.read(of.aggregate, of.id, sequence)) {
        signal.throwIfAborted();
        failingSinceMs = undefined;
        sequence = commit.sequence;
        yield commit;
      }
      return;
    } catch (error) {
      if (!(error instanceof OrreryError && error.isRetryable)) throw error;
      failingSinceMs ??= clock.nowMs();
      if (clock.nowMs() - failingSinceMs > OUTAGE_MS_MAX) throw error;
      logger.warn({ err: error, ...of }, 'reading a history failed; it is read on');
    }
    await clock.sleep(READ_AGAIN_MS, signal);
  }
}
