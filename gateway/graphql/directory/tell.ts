import type { AggregateName, Rejection } from '@orrery/bus';
import type { GatewayContext } from '../context.ts';
import { waitUntilReadable } from '../sessions/after-commit.ts';

/** Sends a command for a caller and waits until what it led to can be read. @returns its refusal. */
export async function tell(
  { gateway, traceparent, signal }: GatewayContext,
  told: {
    readonly userId: string;
    readonly aggregate: AggregateName;
    readonly id: string;
    readonly command: { readonly type: string };
  },
): Promise<Rejection | undefined> {
  const { userId, aggregate, id, command } = told;
  const { outcome } = await gateway.commands.request({
    aggregate,
    aggregateId: id,
    actor: { kind: 'user', id: userId },
    traceparent,
    command,
  });
  if (!outcome.ok) return outcome.error;
  await waitUntilReadable(gateway, outcome, signal);
  return undefined;
}

/** Sessions that are not over, of an owner or a place. */
export async function liveSessions(
  { gateway }: GatewayContext,
  of: { readonly ownerUserId?: string; readonly projectId?: string; readonly domain?: string },
): Promise<number> {
  const { ownerUserId, projectId, domain } = of;
  const page = await gateway.projections.listSessions({
    first: 1,
    visibility: domain === undefined ? { kind: 'all' } : { kind: 'domain', domain, userId: '' },
    filter: { isLive: true, ownerUserId, projectId },
  });
  return page.ok ? page.value.totalCount : 0;
}

export function inUse(code: string, counts: Readonly<Record<string, number>>): Rejection {
  const parts = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${count} ${what}`);
  return { code, message: `there are still ${parts.join(', ')}`, details: counts };
}
