import { requestReport } from '@orrery/projections';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { RequestFailed } from '../../errors.ts';
import type { GatewayContext } from '../context.ts';

export async function rebuildProjections(
  _root: unknown,
  _unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  authoriseSignedIn(caller, 'Mutation.rebuildProjections');
  return shapeReport(await requestReport(gateway.bus.live, 'rebuild'));
}

export async function verifyProjections(
  _root: unknown,
  _unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  authoriseSignedIn(caller, 'Mutation.verifyProjections');
  return shapeReport(await requestReport(gateway.bus.live, 'verify'));
}

/** @throws {RequestFailed} `REBUILD_FAILED` with the projector's own code. */
function shapeReport(answer: Awaited<ReturnType<typeof requestReport>>): object {
  if (answer.ok) return answer.value;
  const { code, message } = answer.error;
  throw new RequestFailed('REBUILD_FAILED', message, { details: { reason: code } });
}
