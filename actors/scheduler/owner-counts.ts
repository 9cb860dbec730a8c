import type { OwnerLimits } from '@orrery/bus';
import type { Owner } from './planning/model.ts';
import type { Vector } from './planning/vector.ts';

/** Slots and sessions of one owner, counted in place. */
export interface OwnerCount {
  readonly slots: number[];
  sessions: number;
  systemSessions: number;
}

/** What owners hold, by `keypair:`, `user:`, `project:` and `domain:` key; whoever holds nothing is not there. */
export type OwnerCounts = Map<string, OwnerCount>;

/** Under what a session counts. */
export function keysOf({ accessKey, userId, projectId, domain }: Owner): readonly string[] {
  return [`keypair:${accessKey}`, `user:${userId}`, `project:${projectId}`, `domain:${domain}`];
}

/** Whether it matters to the owners' sessions that wait how many do. */
export function isWaitingLimited(
  { limits }: { readonly limits: ReadonlyMap<string, OwnerLimits> },
  owner: Owner,
): boolean {
  return limits.size > 0 && keysOf(owner).some((key) => isOfQueue(limits.get(key) ?? {}));
}

export function isOfQueue({ pendingSessionsMax, pendingTotalMax }: OwnerLimits): boolean {
  return pendingSessionsMax !== undefined || pendingTotalMax !== undefined;
}

interface Held {
  readonly owner: Owner;
  readonly sessionType: string;
}

export function countHeld(
  counts: OwnerCounts,
  { owner, sessionType }: Held,
  { requests, sign }: { readonly requests: readonly Vector[]; readonly sign: 1 | -1 },
): void {
  for (const key of keysOf(owner)) {
    const count = counts.get(key) ?? { slots: [], sessions: 0, systemSessions: 0 };
    for (const request of requests) addTo(count.slots, request, sign);
    if (sessionType === 'system') count.systemSessions += sign;
    else count.sessions += sign;
    if (count.sessions === 0 && count.systemSessions === 0) counts.delete(key);
    else counts.set(key, count);
  }
}

function addTo(slots: number[], request: Vector, sign: 1 | -1): void {
  for (let slot = 0; slot < request.length; slot += 1)
    slots[slot] = (slots[slot] ?? 0) + sign * (request[slot] ?? 0);
}
