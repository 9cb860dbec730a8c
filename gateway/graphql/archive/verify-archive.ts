import { verifySegments } from '@orrery/bus';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { shapeReport } from '../audit/verify-audit.ts';
import type { GatewayContext } from '../context.ts';

export async function verifyArchive(
  _root: unknown,
  _unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  authoriseSignedIn(caller, 'Query.verifyArchive');
  using _reading = gateway.readings.begin();
  const beganAtMs = gateway.clock.nowMs();
  const report = await verifySegments(gateway.bus.log);
  return shapeReport(report, gateway.clock.nowMs() - beganAtMs);
}
