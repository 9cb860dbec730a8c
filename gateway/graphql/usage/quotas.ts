import { addSlots, fromAmounts, type Slots, toAmounts } from '@orrery/bus';
import { type QuotaRow, QuotaScope } from '@orrery/projections';
import { z } from 'zod';
import { authoriseSignedIn, visibilityOf } from '../../auth/authorise.ts';
import type { Operation, SignedInCaller } from '../../auth/may.ts';
import { RequestFailed } from '../../errors.ts';
import type { Gateway } from '../../gateway.ts';
import { parseArguments } from '../arguments.ts';
import { pageArguments, shapeConnection } from '../connection.ts';
import type { GatewayContext } from '../context.ts';
import { fromEnum, toEnum } from '../enum-words.ts';
import { usableGroups } from '../resource-groups/usable-groups.ts';

export const QuotaScopeInput = z
  .string()
  .transform(fromEnum)
  .pipe(z.enum([...QuotaScope.options, 'resource-group']));
export type QuotaKind = z.infer<typeof QuotaScopeInput>;

const Arguments = z.strictObject({ ...pageArguments, scope: QuotaScopeInput });

export async function quotas(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  const { scope, ...page } = parseArguments(Arguments, unparsed);
  const viewer = authoriseSignedIn(caller, 'Query.quotas');
  if (scope === 'resource-group') {
    const shown = await groupQuotas(gateway, viewer, 'Query.quotas');
    return pageOfGroups(shown, page);
  }
  const visibility = visibilityOf(viewer, 'Query.quotas');
  const listed = await gateway.projections.listQuotas({ ...page, scope, visibility });
  return shapeConnection(listed, (row) => shapeQuota(scope, row));
}

/** The GraphQL type Quota. */
export interface Quota {
  readonly scope: string;
  readonly key: string;
  readonly name: string;
  readonly slots: readonly object[];
  readonly inGroups: readonly object[];
  readonly sessions: number | null;
  readonly maxConcurrentSessions: number | null;
  readonly pendingSessions: number;
}

export function shapeQuota(scope: QuotaScope, row: QuotaRow): Quota {
  const { key, name, limits, heldSlots, sessions, pendingSessions } = row;
  const groups = Object.entries(heldSlots).toSorted(([left], [right]) => (left < right ? -1 : 1));
  const occupied = groups.reduce<Slots>((sum, [, slots]) => addSlots(sum, slots), {});
  const unlisted = limits?.unlistedSlots === 'none' ? '0' : null;
  return {
    scope: toEnum(scope),
    key,
    name,
    slots: shapeSlots(occupied, limits?.total ?? {}, unlisted),
    inGroups: groups.map(([resourceGroup, occupiedSlots]) => ({ resourceGroup, occupiedSlots })),
    sessions,
    maxConcurrentSessions: limits?.concurrentSessionsMax ?? null,
    pendingSessions,
  };
}

/** Of the groups that the operation shows the caller, by name. */
export async function groupQuotas(
  gateway: Pick<Gateway, 'projections'>,
  viewer: SignedInCaller,
  operation: Operation,
): Promise<readonly Quota[]> {
  const groups = await usableGroups(gateway, viewer, operation);
  return groups.map(({ name, availableSlots, occupiedSlots, pendingSessions }) => ({
    scope: toEnum('resource-group'),
    key: name,
    name,
    slots: shapeSlots(occupiedSlots, availableSlots, '0'),
    inGroups: [{ resourceGroup: name, occupiedSlots }],
    sessions: null,
    maxConcurrentSessions: null,
    pendingSessions,
  }));
}

function shapeSlots(occupied: Slots, limits: Slots, unlisted: '0' | null): readonly object[] {
  const names = [...new Set([...Object.keys(occupied), ...Object.keys(limits)])].toSorted();
  const amounts = { occupied: toAmounts(occupied), limits: toAmounts(limits) };
  return names.map((slot) => {
    const held = amounts.occupied[slot] ?? 0n;
    const limit = amounts.limits[slot] ?? (unlisted === null ? undefined : 0n);
    const left = limit === undefined ? undefined : limit > held ? limit - held : 0n;
    return {
      slot,
      occupied: textOf(held),
      limit: limit === undefined ? null : textOf(limit),
      remaining: left === undefined ? null : textOf(left),
    };
  });
}

function textOf(amount: bigint): string {
  return fromAmounts({ amount })['amount'] ?? '0';
}

/** Groups are few: their list is made whole, and its cursors are names. */
function pageOfGroups(
  all: readonly Quota[],
  { first, after }: { readonly first: number; readonly after?: string | undefined },
): object {
  if (first < 1 || first > GROUPS_PAGE_MAX)
    throw new RequestFailed('INPUT_INVALID', `a page has 1 to ${GROUPS_PAGE_MAX} entries`, {
      field: 'first',
    });
  const behind = all.filter(({ key }) => after === undefined || key > after);
  const shown = behind.slice(0, first);
  return {
    edges: shown.map((node) => ({ cursor: node.key, node })),
    pageInfo: {
      hasNextPage: behind.length > shown.length,
      hasPreviousPage: after !== undefined,
      startCursor: shown.at(0)?.key ?? null,
      endCursor: shown.at(-1)?.key ?? null,
    },
    totalCount: all.length,
  };
}

const GROUPS_PAGE_MAX = 1_000;
