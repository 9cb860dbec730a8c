import type { Outcome } from '@orrery/bus';
import type { Gateway } from '../../gateway.ts';
import { shapeSession } from './session-shape.ts';

type Accepted = Extract<Outcome, { readonly ok: true }>;

/**
 * Resolves once what the command led to can be read.
 * @throws {RequestFailed} `UNAVAILABLE` when the projections stay behind.
 */
export async function waitUntilReadable(
  { bus, progress }: Gateway,
  outcome: Accepted,
  signal: AbortSignal,
): Promise<void> {
  // Nothing had to change: what made it so lies somewhere before the log's end.
  const sequence = outcome.sequence > 0 ? outcome.sequence : await bus.log.lastSequence();
  await progress.reached(sequence, signal);
}

/** The session as the caller of an accepted command shall see it. @throws as `waitUntilReadable`. */
export async function readSessionAfter(
  gateway: Gateway,
  { id, outcome }: { readonly id: string; readonly outcome: Accepted },
  signal: AbortSignal,
): Promise<object | null> {
  await waitUntilReadable(gateway, outcome, signal);
  const row = await gateway.sessionRows.load(id);
  return row === undefined ? null : shapeSession(row);
}
