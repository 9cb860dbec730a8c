import { HeldTimeDimension } from '@orrery/projections';
import { z } from 'zod';
import { authoriseSignedIn, visibilityOf } from '../../auth/authorise.ts';
import { RequestFailed } from '../../errors.ts';
import { parseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { fromEnum } from '../enum-words.ts';

const DAY_MS = 86_400_000;

/** A day as days since the Unix epoch. */
const DayInput = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}$/, 'a day is written 2026-11-20')
  .refine((text) => text === dayText(Date.parse(text) / DAY_MS), 'there is no such day')
  .transform((text) => Date.parse(text) / DAY_MS);
const Name = z.string().min(1).max(256).nullish();

const Arguments = z.strictObject({
  from: DayInput,
  to: DayInput,
  by: z.array(z.string().transform(fromEnum).pipe(HeldTimeDimension)).max(8),
  filter: z
    .strictObject({ userId: Name, projectId: Name, domain: Name, resourceGroup: Name })
    .optional(),
});

export async function usage(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<readonly object[]> {
  const { from, to, by, filter = {} } = parseArguments(Arguments, unparsed);
  const viewer = authoriseSignedIn(caller, 'Query.usage');
  const found = await gateway.projections.heldTime({
    fromDay: from,
    toDay: to,
    nowMs: gateway.clock.nowMs(),
    by,
    visibility: visibilityOf(viewer, 'Query.usage'),
    filter: {
      userId: filter.userId ?? undefined,
      projectId: filter.projectId ?? undefined,
      domain: filter.domain ?? undefined,
      resourceGroup: filter.resourceGroup ?? undefined,
    },
  });
  if (found.ok)
    return found.value.map((row) => ({ ...row, day: row.day === null ? null : dayText(row.day) }));
  const { message, field, code } = found.error;
  throw new RequestFailed('INPUT_INVALID', message, { field, details: { rejection: code } });
}

function dayText(day: number): string {
  const instant = new Date(day * DAY_MS);
  return Number.isNaN(instant.getTime()) ? '' : instant.toISOString().slice(0, 10);
}
