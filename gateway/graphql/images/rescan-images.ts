import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { type Rescan, rescan } from '../../registries/rescan.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { REGISTRIES_MAX } from '../registries/container-registries.ts';
import { REGISTRY_UNKNOWN, refused } from '../registries/registry-shape.ts';

const Arguments = z.strictObject({ registry: z.string().nullish() });

/** One registry, or all that are known. Refused by the first that cannot be read. */
export async function rescanImages(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller, traceparent, signal }: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(Arguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { userId } = authoriseSignedIn(caller, 'Mutation.rescanImages');
  const { registry } = parsed.value;
  const known = await gateway.projections.listRegistries({ limit: REGISTRIES_MAX });
  const asked = known.filter(({ name }) => (registry ?? name) === name);
  if (asked.length === 0 && registry !== undefined && registry !== null)
    return refused({ ...REGISTRY_UNKNOWN, field: 'registry' });
  const rescans: Rescan[] = [];
  for (const row of asked) {
    const outcome = await rescan(row, { gateway, userId, traceparent, signal });
    if (!outcome.ok) return refused(outcome.error);
    const { lastSequence, ...done } = outcome.value;
    if (lastSequence > 0) await gateway.progress.reached(lastSequence, signal);
    rescans.push(done);
  }
  return { rescans };
}
