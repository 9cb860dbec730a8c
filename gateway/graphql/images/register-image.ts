import { canonicalReference, type ImageCommand, ImageReference, imageId } from '@orrery/bus';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { waitUntilReadable } from '../sessions/after-commit.ts';
import { findShapedImage } from './find-shaped-image.ts';
import { imageInvalid, refused } from './image-refusals.ts';

const Arguments = z.strictObject({ input: z.strictObject({ reference: z.string() }) });

export async function registerImage(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller, traceparent, signal }: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(Arguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { userId } = authoriseSignedIn(caller, 'Mutation.registerImage');
  const reference = ImageReference.safeParse(parsed.value.input.reference);
  if (!reference.success) return refused(imageInvalid('reference'));
  const canonical = canonicalReference(reference.data);
  const command: ImageCommand = { type: 'register', reference: canonical };
  const actor = { kind: 'user', id: userId } as const;
  const aggregateId = imageId(canonical);
  const { outcome } = await gateway.commands.request({
    aggregate: 'image',
    aggregateId,
    actor,
    traceparent,
    command,
  });
  if (!outcome.ok) return refused(outcome.error);
  await waitUntilReadable(gateway, outcome, signal);
  return { image: (await findShapedImage(gateway, canonical)) ?? null };
}
