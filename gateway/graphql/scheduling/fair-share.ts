import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { toEnum } from '../enum-words.ts';
import { askScheduler } from './ask-scheduler.ts';

const Arguments = z.strictObject({ resourceGroup: z.string().min(1).max(64).optional() });

/** Who used how much of a resource group, and how they stand. */
export async function fairShare(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  authoriseSignedIn(context.caller, 'Query.fairShare');
  const parsed = safeParseArguments(Arguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const group = parsed.value.resourceGroup ?? (await context.gateway.groupRules.defaultName());
  const answer = await askScheduler(context, { type: 'fair-share', group });
  if (!answer.ok) return { rejection: answer.error };
  if (answer.value.type !== 'fair-share') return {};
  const { atMs, owners, group: resourceGroup, ...rest } = answer.value;
  const shaped = owners.map(({ kind, ...one }) => ({ kind: toEnum(kind), ...one }));
  return { standing: { ...rest, resourceGroup, at: atMs, owners: shaped } };
}
