import {
  canonicalReference,
  type ImageCommand,
  ImageReference,
  imageId,
  type Rejection,
} from '@orrery/bus';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { waitUntilReadable } from '../sessions/after-commit.ts';
import { findShapedImage } from './find-shaped-image.ts';
import { imageInvalid, imageMissing, refused } from './image-refusals.ts';

const Alias = z.strictObject({ alias: z.string() });
const Aliased = z.strictObject({ alias: z.string(), target: z.string() });
const Reference = z.strictObject({ reference: z.string() });

/** Another name for an image that is registered. */
export async function aliasImage(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(Aliased, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { userId } = authoriseSignedIn(context.caller, 'Mutation.aliasImage');
  const { alias, target: asked } = parsed.value;
  if (!ImageReference.safeParse(alias).success) return refused(imageInvalid('alias'));
  const image = await context.gateway.catalogue.findImage(asked);
  if (image === undefined) return refused(imageMissing('target'));
  const { reference: target } = image;
  const command: ImageCommand = { type: 'alias', alias, target };
  const refusal = await send(context, { userId, reference: alias, command });
  return refusal === undefined ? { alias, target } : refused(refusal);
}

export async function dealiasImage(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(Alias, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { userId } = authoriseSignedIn(context.caller, 'Mutation.dealiasImage');
  const { alias } = parsed.value;
  const row = await context.gateway.projections.findImage(alias);
  const command: ImageCommand = { type: 'dealias' };
  const refusal = await send(context, { userId, reference: alias, command });
  return refusal === undefined ? { alias, target: row?.aliasOf ?? null } : refused(refusal);
}

/** Sessions may not name it any more, by an alias neither. Nothing is deleted anywhere. */
export async function forgetImage(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(Reference, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { userId } = authoriseSignedIn(context.caller, 'Mutation.forgetImage');
  const { gateway } = context;
  const named = await gateway.projections.findImage(parsed.value.reference);
  const reference =
    named?.aliasOf ?? named?.reference ?? canonicalReference(parsed.value.reference);
  const image = await findShapedImage(gateway, reference);
  if (image === undefined) return refused(imageMissing('reference'));
  const command: ImageCommand = { type: 'forget' };
  const refusal = await send(context, { userId, reference, command });
  return refusal === undefined ? { image } : refused(refusal);
}

/** Resolves once what it led to can be read; with why it was refused, if it was. */
async function send(
  { gateway, traceparent, signal }: GatewayContext,
  request: {
    readonly userId: string;
    readonly reference: string;
    readonly command: ImageCommand;
  },
): Promise<Rejection | undefined> {
  const { userId, reference, command } = request;
  const { outcome } = await gateway.commands.request({
    aggregate: 'image',
    aggregateId: imageId(reference),
    actor: { kind: 'user', id: userId },
    traceparent,
    command,
  });
  if (!outcome.ok) return outcome.error;
  await waitUntilReadable(gateway, outcome, signal);
  return undefined;
}
