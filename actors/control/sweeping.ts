import { type Bus, type Logger, OrreryError } from '@orrery/bus';

/**
 * Takes away the wishes that agents have done, as their checkpoints tell. An agent may not do it: the right
 * to purge a stream knows no subjects.
 */
export async function sweepWishes(
  { bus, logger }: { readonly bus: Bus; readonly logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  for await (const checkpoints of bus.agents.checkpoints(signal)) {
    for (const { node, sequence } of checkpoints) {
      if (signal.aborted) return;
      try {
        await bus.agents.sweep(node, sequence);
      } catch (err) {
        if (!(err instanceof OrreryError && err.isRetryable)) throw err;
        // The node's next checkpoint takes it along.
        logger.warn({ err, node }, 'done wishes are left lying for now');
      }
    }
  }
}
