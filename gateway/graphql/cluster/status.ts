import { authoriseSignedIn, visibilityOf } from '../../auth/authorise.ts';
import type { GatewayContext } from '../context.ts';

export async function status(
  _root: unknown,
  _unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  const viewer = authoriseSignedIn(caller, 'Query.status');
  const [totals, logSequence] = await Promise.all([
    gateway.projections.clusterStatus(visibilityOf(viewer, 'Query.sessions')),
    gateway.bus.log.lastSequence(),
  ]);
  return {
    version: gateway.version,
    sessionsByStatus: totals.sessionsByStatus,
    agentsByStatus: totals.agentsByStatus,
    availableSlots: totals.availableSlots,
    occupiedSlots: totals.occupiedSlots,
    logSequence,
    projectedSequence: totals.projectedSequence,
    startedAt: gateway.startedAtMs,
  };
}
