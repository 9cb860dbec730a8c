import type { Clock, Logger, NodeFacts } from '@orrery/bus';
import type { NodeDevices } from './node-devices.ts';

const REFRESH_PERIOD_MS = 30_000;

/** The facts of a node whenever its devices have changed, until the signal fires. */
export async function* watchDevices(
  devices: NodeDevices,
  parts: {
    readonly factsNow: () => NodeFacts;
    readonly clock: Clock;
    readonly logger: Logger;
  },
  signal: AbortSignal,
): AsyncGenerator<NodeFacts> {
  const { factsNow, clock, logger } = parts;
  while (!signal.aborted) {
    await clock.sleep(REFRESH_PERIOD_MS, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      if (await devices.refresh(signal)) yield factsNow();
    } catch (err) {
      if (!signal.aborted) logger.warn({ err }, 'the devices of this node could not be read');
    }
  }
}
