import { type ImageCommand, ImageReference, imageId, type Rejection } from '@orrery/bus';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { waitUntilReadable } from '../sessions/after-commit.ts';
import { shapeImage } from './image-shape.ts';

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
  if (!reference.success) return refused(IMAGE_INVALID);
  const command: ImageCommand = { type: 'register', reference: reference.data };
  const actor = { kind: 'user', id: userId } as const;
  const aggregateId = imageId(reference.data);
  const { outcome } = await gateway.commands.request({
    aggregate: 'image',
    aggregateId,
    actor,
    traceparent,
    command,
  });
  if (!outcome.ok) return refused(outcome.error);
  await waitUntilReadable(gateway, outcome, signal);
  const row = await gateway.projections.findImage(reference.data);
  const defaultReference = await gateway.catalogue.defaultReference();
  return { image: row === undefined ? null : shapeImage(row, defaultReference) };
}

const IMAGE_INVALID: Rejection = {
  code: 'image-invalid',
  message:
    'an image is written registry/name:tag or registry/name@sha256:digest, in at most 255 characters',
  field: 'reference',
};

function refused(rejection: Rejection): object {
  return { rejection };
}
