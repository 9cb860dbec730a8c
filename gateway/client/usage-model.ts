import type { Slots } from './model.ts';

export const QUOTA_SCOPES = ['USER', 'PROJECT', 'DOMAIN', 'RESOURCE_GROUP'] as const;
export type QuotaScope = (typeof QUOTA_SCOPES)[number];

export interface Quota {
  readonly scope: QuotaScope;
  readonly key: string;
  readonly name: string;
  readonly slots: readonly {
    readonly slot: string;
    readonly occupied: string;
    /** Null: as much as there is. */
    readonly limit: string | null;
    readonly remaining: string | null;
  }[];
  readonly inGroups: readonly { readonly resourceGroup: string; readonly occupiedSlots: Slots }[];
  /** Null of a resource group. */
  readonly sessions: number | null;
  readonly maxConcurrentSessions: number | null;
  readonly pendingSessions: number;
}

export const USAGE_DIMENSIONS = ['DAY', 'USER', 'PROJECT', 'DOMAIN', 'RESOURCE_GROUP'] as const;
export type UsageDimension = (typeof USAGE_DIMENSIONS)[number];

export interface UsageRequest {
  /** Days of UTC such as `2026-11-20`, both included. */
  readonly from: string;
  readonly to: string;
  readonly by?: readonly UsageDimension[] | undefined;
  readonly filter?: {
    readonly userId?: string | undefined;
    readonly projectId?: string | undefined;
    readonly domain?: string | undefined;
    readonly resourceGroup?: string | undefined;
  };
}

/** What rows are not told apart by is null. */
export interface Usage {
  readonly day: string | null;
  readonly userId: string | null;
  readonly userEmail: string | null;
  readonly projectId: string | null;
  readonly projectName: string | null;
  readonly domain: string | null;
  readonly resourceGroup: string | null;
  readonly slot: string;
  /** Exact decimal text. */
  readonly slotSeconds: string;
}
