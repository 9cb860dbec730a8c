import { type Rejection, SCHEDULER_ID, type SchedulerCommand } from '@orrery/bus';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { waitUntilReadable } from '../sessions/after-commit.ts';
import { parseGroupChange, SetGroupArguments } from './group-change.ts';
import { defaultNameOf, STANDING_GROUP } from './group-rules.ts';
import { shapeGroup } from './group-shape.ts';

export async function setResourceGroup(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const { gateway, caller } = context;
  const parsed = safeParseArguments(SetGroupArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { userId } = authoriseSignedIn(caller, 'Mutation.setResourceGroup');
  const { input } = parsed.value;
  const command = parseGroupChange(input, await gateway.projections.knownSlots());
  if (!command.ok) return { rejection: command.error };
  const refusal = await tellScheduler(context, { userId, command: command.value });
  if (refusal !== undefined) return { rejection: refusal };
  const groups = await gateway.projections.listResourceGroups({ always: STANDING_GROUP });
  const group = groups.find(({ name }) => name === input.name);
  return {
    resourceGroup:
      group === undefined
        ? null
        : shapeGroup(group, { access: 'shown', defaultName: defaultNameOf(groups) }),
  };
}

/** Sends a command to the scheduler and waits until what it led to can be read. @returns its refusal. */
export async function tellScheduler(
  { gateway, traceparent, signal }: GatewayContext,
  { userId, command }: { readonly userId: string; readonly command: SchedulerCommand },
): Promise<Rejection | undefined> {
  const { outcome } = await gateway.commands.request({
    aggregate: 'scheduler',
    aggregateId: SCHEDULER_ID,
    actor: { kind: 'user', id: userId },
    traceparent,
    command,
  });
  if (!outcome.ok) return outcome.error;
  await waitUntilReadable(gateway, outcome, signal);
  return undefined;
}
