import type { Rejection } from '@orrery/bus';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { defaultNameOf, STANDING_GROUP } from './group-rules.ts';
import { shapeGroup } from './group-shape.ts';
import { tellScheduler } from './set-resource-group.ts';

const Arguments = z.strictObject({ name: z.string() });

/** Answers with the group as it was. */
export async function removeResourceGroup(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const { gateway, caller } = context;
  const parsed = safeParseArguments(Arguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { name } = parsed.value;
  const { userId } = authoriseSignedIn(caller, 'Mutation.removeResourceGroup');
  const groups = await gateway.projections.listResourceGroups({ always: STANDING_GROUP });
  const group = groups.find((one) => one.name === name);
  if (group === undefined) return { rejection: UNKNOWN };
  // The scheduler refuses those that it could still use; lost and drained ones it does not count.
  const { agents, pendingSessions } = group;
  if (agents > 0 && name !== STANDING_GROUP)
    return { rejection: inUse({ agents, waitingSessions: pendingSessions }) };
  const command = { type: 'remove-group', group: name } as const;
  const refusal = await tellScheduler(context, { userId, command });
  if (refusal !== undefined) return { rejection: refusal };
  return {
    resourceGroup: shapeGroup(group, { access: 'shown', defaultName: defaultNameOf(groups) }),
  };
}

const UNKNOWN: Rejection = {
  code: 'resource-group-unknown',
  message: 'there is no such resource group',
  field: 'name',
};

function inUse(counts: { readonly agents: number; readonly waitingSessions: number }): Rejection {
  const { agents, waitingSessions } = counts;
  return {
    code: 'resource-group-in-use',
    message: `${waitingSessions} session(s) wait in it and ${agents} agent(s) belong to it`,
    field: 'name',
    details: counts,
  };
}
