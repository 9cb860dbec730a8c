import {
  err,
  LimitScope,
  type OwnerLimits,
  ok,
  parseByteSize,
  type Rejection,
  type Result,
  SchedulerCommand,
  Slots,
} from '@orrery/bus';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { fromEnum } from '../enum-words.ts';
import { tellScheduler } from '../resource-groups/set-resource-group.ts';
import { slotTexts } from '../slot-texts.ts';
import { targetOf } from './find-owner.ts';
import { readOwner, shapeOwner } from './owner-limits.ts';

const Count = z.int().min(0).optional();
const Arguments = z.strictObject({
  input: z.strictObject({
    scope: z.string().transform(fromEnum).pipe(LimitScope),
    key: z.string(),
    totalResourceSlots: z.unknown().optional(),
    defaultForUnspecified: z.enum(['UNLIMITED', 'LIMITED']).optional(),
    maxConcurrentSessions: Count,
    maxConcurrentSftpSessions: Count,
    maxPendingSessionCount: Count,
    maxPendingSessionResourceSlots: z.unknown().optional(),
    maxContainersPerSession: z.int().min(1).optional(),
    maxPriority: z.int().min(0).max(100).optional(),
    maxSessionLifetimeSeconds: z.number().min(0).optional(),
  }),
});
type Input = z.infer<typeof Arguments>['input'];

export async function setLimits(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const { gateway, caller } = context;
  const parsed = safeParseArguments(Arguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const signedIn = authoriseSignedIn(caller, 'Mutation.setLimits');
  const { input } = parsed.value;
  const { scope, key } = input;
  const given = parseLimits(input, await gateway.projections.knownSlots());
  if (!given.ok) return { rejection: given.error };
  const limits = Object.keys(given.value).length === 0 ? null : given.value;
  // Limits of somebody who has gone can still be taken away.
  if (limits !== null && (await targetOf(gateway, signedIn, input)) === undefined)
    return { rejection: OWNER_UNKNOWN };
  const command = SchedulerCommand.safeParse({ type: 'set-limits', scope, key, limits });
  if (!command.success) return { rejection: OWNER_UNKNOWN };
  const { userId } = signedIn;
  const refusal = await tellScheduler(context, { userId, command: command.data });
  if (refusal !== undefined) return { rejection: refusal };
  return { limits: shapeOwner(await readOwner(gateway, { scope, key })) };
}

function parseLimits(input: Input, knownSlots: readonly string[]): Result<OwnerLimits, Rejection> {
  const { totalResourceSlots, maxPendingSessionResourceSlots } = input;
  const total = parseSlots('totalResourceSlots', totalResourceSlots, knownSlots);
  if (!total.ok) return total;
  const pending = parseSlots(
    'maxPendingSessionResourceSlots',
    maxPendingSessionResourceSlots,
    knownSlots,
  );
  if (!pending.ok) return pending;
  const lifetimeMs = Math.round((input.maxSessionLifetimeSeconds ?? 0) * 1000);
  if (!Number.isSafeInteger(lifetimeMs))
    return err({
      code: 'limits-invalid',
      message: 'it is at most 366 days; 0 is for ever',
      field: 'maxSessionLifetimeSeconds',
    });
  const limits = {
    total: total.value,
    concurrentSessionsMax: input.maxConcurrentSessions,
    concurrentSystemSessionsMax: input.maxConcurrentSftpSessions,
    pendingSessionsMax: input.maxPendingSessionCount,
    pendingTotalMax: pending.value,
    unlistedSlots: input.defaultForUnspecified === 'LIMITED' ? 'none' : undefined,
    containersPerSessionMax: input.maxContainersPerSession,
    priorityMax: input.maxPriority,
    sessionLifetimeMaxMs: lifetimeMs === 0 ? undefined : lifetimeMs,
  };
  return ok(Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined)));
}

/** By name; without those that are `Infinity`. Undefined when nothing is limited. */
function parseSlots(
  field: string,
  unparsed: unknown,
  knownSlots: readonly string[],
): Result<Slots | undefined, Rejection> {
  if (unparsed === undefined) return ok(undefined);
  const texts = slotTexts(unparsed, { field, knownSlots });
  if (!texts.ok) return texts;
  const limited: [string, string][] = [];
  for (const [name, text] of Object.entries(texts.value)) {
    if (text === 'Infinity') continue;
    const amount = name === 'mem' ? parseByteSize(text)?.toString() : text;
    if (!Slots.safeParse({ [name]: amount }).success)
      return err({
        code: 'limits-invalid',
        message: `${name === 'mem' ? 'a size such as 512m or 1.5g' : 'a number from 0 with at most 3 decimals'}, or Infinity for no limit`,
        field: `${field}.${name}`,
      });
    limited.push([name, amount ?? text]);
  }
  if (limited.length === 0) return ok(undefined);
  return ok(Object.fromEntries(limited.toSorted(([left], [right]) => (left < right ? -1 : 1))));
}

const OWNER_UNKNOWN: Rejection = {
  code: 'owner-unknown',
  message: 'there is no such key pair or user, or this is no name',
  field: 'key',
};
