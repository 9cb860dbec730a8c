import { fromAmounts, type OwnerLimits, type Slots, toAmounts } from '@orrery/bus';
import type { Held, LimitsRow, Owner } from '@orrery/projections';
import type { Gateway } from '../../gateway.ts';
import { toEnum } from '../enum-words.ts';

/** What an owner may hold and holds now. */
export interface OwnerState {
  readonly owner: Owner;
  readonly row: LimitsRow | undefined;
  readonly held: Held;
}

export async function readOwner(
  { projections }: Pick<Gateway, 'projections'>,
  owner: Owner,
): Promise<OwnerState> {
  const [row, held] = await Promise.all([projections.findLimits(owner), projections.heldBy(owner)]);
  return { owner, row, held };
}

/** The GraphQL type OwnerLimits. */
export function shapeOwner({ owner, row, held }: OwnerState): object {
  const limits: OwnerLimits = row?.limits ?? {};
  return {
    scope: toEnum(owner.scope),
    key: owner.key,
    totalResourceSlots: limits.total ?? null,
    defaultForUnspecified: limits.unlistedSlots === 'none' ? 'LIMITED' : 'UNLIMITED',
    maxConcurrentSessions: limits.concurrentSessionsMax ?? null,
    maxConcurrentSftpSessions: limits.concurrentSystemSessionsMax ?? null,
    maxPendingSessionCount: limits.pendingSessionsMax ?? null,
    maxPendingSessionResourceSlots: limits.pendingTotalMax ?? null,
    maxContainersPerSession: limits.containersPerSessionMax ?? null,
    maxPriority: limits.priorityMax ?? null,
    maxSessionLifetimeSeconds:
      limits.sessionLifetimeMaxMs === undefined ? null : limits.sessionLifetimeMaxMs / 1000,
    setByOwner: (limits.said ?? []).map((name) => FIELDS[name] ?? name).toSorted(),
    usedSlots: held.slots,
    remainingSlots: remainingOf(limits.total ?? {}, held.slots),
    sessions: held.sessions,
    sftpSessions: held.systemSessions,
    pendingSessions: held.pendingSessions,
    setAt: row?.setAtMs ?? null,
  };
}

/** What limits are called where people set them. */
const FIELDS: Readonly<Record<string, string>> = {
  total: 'totalResourceSlots',
  unlistedSlots: 'defaultForUnspecified',
  concurrentSessionsMax: 'maxConcurrentSessions',
  concurrentSystemSessionsMax: 'maxConcurrentSftpSessions',
  pendingSessionsMax: 'maxPendingSessionCount',
  pendingTotalMax: 'maxPendingSessionResourceSlots',
  containersPerSessionMax: 'maxContainersPerSession',
  priorityMax: 'maxPriority',
  sessionLifetimeMaxMs: 'maxSessionLifetimeSeconds',
} satisfies Record<keyof Omit<OwnerLimits, 'said'>, string>;

/** What is left of each limited slot; never below zero, though a limit may come after what it limits. */
export function remainingOf(limit: Slots, used: Slots): Slots {
  const amounts = toAmounts(used);
  const left = Object.entries(toAmounts(limit)).map(([name, most]) => {
    const rest = most - (amounts[name] ?? 0n);
    return [name, rest > 0n ? rest : 0n] as const;
  });
  return fromAmounts(Object.fromEntries(left));
}
