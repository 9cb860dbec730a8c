import { z } from 'zod';

/** What a registry is asked for, in the order of preference. */
export const MANIFEST_TYPES = [
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
].join(', ');

const Blob = z.object({ digest: z.string(), size: z.number() });

/** One image of one platform. */
export const ImageManifest = z.object({ config: Blob, layers: z.array(Blob) });
export type ImageManifest = Readonly<z.infer<typeof ImageManifest>>;

/** The images of several platforms under one name. */
export const ImageIndex = z.object({
  manifests: z.array(
    Blob.extend({
      platform: z.object({ architecture: z.string(), os: z.string() }).optional(),
      annotations: z.record(z.string(), z.string()).optional(),
    }),
  ),
});

const Described = z
  .object({ Labels: z.record(z.string(), z.string()).nullish() })
  .nullish()
  .catch(undefined);

/** What lies beside the layers: for whom it is built, and its labels. */
export const ImageConfig = z.object({
  architecture: z.string().optional(),
  config: Described,
  container_config: Described,
});

/** Statements about other images lie among them and are none (reference: attestations). */
export function isImage({
  annotations,
  platform,
}: z.infer<typeof ImageIndex>['manifests'][number]) {
  return (
    annotations?.['vnd.docker.reference.type'] === undefined && platform?.architecture !== 'unknown'
  );
}

/** `-arm64` at the end of a tag, where the image itself does not say for whom it is built. */
export function architectureOfTag(tag: string | undefined): string {
  return /-(?:arm64|aarch64)$/.test(tag ?? '') ? 'aarch64' : 'x86_64';
}
