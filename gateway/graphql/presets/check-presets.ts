import {
  addSlots,
  compareAmounts,
  missingSlots,
  type OwnerLimits,
  type Slots,
  subtractSlots,
} from '@orrery/bus';
import type { NodeRoom, PresetRow } from '@orrery/projections';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { reachOf } from '../../auth/may.ts';
import { RequestFailed } from '../../errors.ts';
import { parseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { ownersOf } from '../limits/find-owner.ts';
import { type OwnerState, readOwner, shapeOwner } from '../limits/owner-limits.ts';
import { shapeGroup } from '../resource-groups/group-shape.ts';
import { usableGroups } from '../resource-groups/usable-groups.ts';
import { shapePreset } from './preset-shape.ts';
import { PRESETS_MAX } from './resource-presets.ts';

const Arguments = z.strictObject({ resourceGroup: z.string().optional() });
const OPERATION = 'Query.checkPresets';

/** What the caller could start at this moment in a group: a look, not a promise. */
export async function checkPresets(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  const { resourceGroup } = parseArguments(Arguments, unparsed);
  const signedIn = authoriseSignedIn(caller, OPERATION);
  const defaultName = await gateway.groupRules.defaultName();
  const name = resourceGroup ?? defaultName;
  const { projections } = gateway;
  const [groups, presets, room, owners] = await Promise.all([
    usableGroups(gateway, signedIn, OPERATION),
    projections.listPresets({ limit: PRESETS_MAX }),
    projections.roomOfGroup(name),
    Promise.all(ownersOf(signedIn).map((owner) => readOwner(gateway, owner))),
  ]);
  const group = groups.find((one) => one.name === name);
  if (group === undefined)
    throw new RequestFailed(
      'INPUT_INVALID',
      'There is no such resource group, or none that you may use.',
      { field: 'resourceGroup' },
    );
  const offered = presets.filter((row) => (row.resourceGroup ?? name) === name);
  const access = reachOf(caller, OPERATION) === 'any' ? 'shown' : 'hidden';
  return {
    resourceGroup: shapeGroup(group, { access, defaultName }),
    presets: offered.map((row) => {
      const obstacle = obstacleOf(row, { room, owners });
      return { preset: shapePreset(row), isAllocatable: obstacle === undefined, obstacle };
    }),
    limits: owners.map(shapeOwner),
  };
}

/** The first check that a session of one kernel with these slots would not pass now. */
export function obstacleOf(
  { slots }: Pick<PresetRow, 'slots'>,
  cluster: { readonly room: readonly NodeRoom[]; readonly owners: readonly OwnerState[] },
): string | undefined {
  const { room, owners } = cluster;
  const hasAll = owners.some(({ row, held }) => isConcurrencyReached(row?.limits, held.sessions));
  if (hasAll) return 'concurrency';
  const short = owners.find(({ row, held }) =>
    isExceeded(row?.limits ?? {}, addSlots(held.slots, slots), slots),
  );
  if (short !== undefined) return `${short.owner.scope}-resource-limit`;
  const isThere = room.some(({ available, occupied }) => fits(slots, available, occupied));
  return isThere ? undefined : 'not-enough-slots';
}

function isConcurrencyReached(limits: OwnerLimits | null | undefined, sessions: number): boolean {
  const most = limits?.concurrentSessionsMax ?? 0;
  return most > 0 && sessions >= most;
}

/** Only slots of which something more is asked; those that are not named may be none at all. */
function isExceeded(
  { total = {}, unlistedSlots }: OwnerLimits,
  wanted: Slots,
  asked: Slots,
): boolean {
  return Object.keys(asked).some((name) => {
    const most = total[name] ?? (unlistedSlots === 'none' ? '0' : undefined);
    return most !== undefined && compareAmounts(wanted[name], most) > 0;
  });
}

function fits(slots: Slots, available: Slots, occupied: Slots): boolean {
  return Object.keys(missingSlots(slots, subtractSlots(available, occupied))).length === 0;
}
