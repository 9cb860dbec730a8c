import { createHash } from 'node:crypto';
import { z } from 'zod';

export const IMAGE_SCHEMA_VERSION = 1;

/** An OCI image reference such as `docker.io/library/python:3.13-slim`, `host` for the process driver. */
export const ImageReference = z
  .string()
  .min(1)
  .max(255)
  .regex(
    /^[a-z0-9][a-z0-9._:/-]*(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?:@sha256:[a-f0-9]{64})?$/,
    'an image is written registry/name:tag or registry/name@sha256:digest',
  );

/** The aggregate id of an image, or of an alias: 32 hexadecimal digits of the SHA-256 of its reference. */
export function imageId(reference: string): string {
  return createHash('sha256').update(reference).digest('hex').slice(0, 32);
}

/** What a node knows of an image it has. Sizes in bytes. */
export const ImageFacts = z.object({
  digest: z.string(),
  architecture: z.string(),
  sizeBytes: z.number(),
  labels: z.record(z.string(), z.string()),
});
export type ImageFacts = Readonly<z.infer<typeof ImageFacts>>;

/** Images of other platforms under one name, as their registry has them: packed, by their manifests' digests. */
const Platforms = z.array(ImageFacts).min(1).max(64);

export const ImageEvent = z.discriminatedUnion('type', [
  /** From now on sessions may name it. */
  z.object({ type: z.literal('image-registered'), reference: ImageReference }),
  z.object({ type: z.literal('image-found'), node: z.string(), facts: ImageFacts }),
  z.object({ type: z.literal('image-gone'), node: z.string() }),
  /** What its registry has under this name. */
  z.object({ type: z.literal('image-scanned'), platforms: Platforms }),
  z.object({ type: z.literal('image-forgotten') }),
  /** This name stands for another one. */
  z.object({
    type: z.literal('image-aliased'),
    alias: ImageReference,
    target: ImageReference,
  }),
  z.object({ type: z.literal('image-dealiased') }),
]);
export type ImageEvent = Readonly<z.infer<typeof ImageEvent>>;

export const ImageCommand = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('register'), reference: ImageReference }),
  /** From an agent: it has this image. Registers it when nobody has. */
  z.strictObject({
    type: z.literal('report'),
    reference: ImageReference,
    node: z.string(),
    facts: ImageFacts,
  }),
  z.strictObject({ type: z.literal('report-gone'), node: z.string() }),
  /** Its registry was asked. Registers it when nobody has. */
  z.strictObject({
    type: z.literal('report-scan'),
    reference: ImageReference,
    platforms: Platforms,
  }),
  z.strictObject({ type: z.literal('forget') }),
  z.strictObject({ type: z.literal('alias'), alias: ImageReference, target: ImageReference }),
  z.strictObject({ type: z.literal('dealias') }),
]);
export type ImageCommand = Readonly<z.infer<typeof ImageCommand>>;
