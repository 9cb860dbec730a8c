import {
  canonicalReference,
  err,
  type ImageCommand,
  ImageReference,
  imageId,
  ok,
  parseImageName,
  RegistryClient,
  type RegistryImage,
  RegistryRefused,
  RegistryUnavailable,
  type Rejection,
  type Result,
} from '@orrery/bus';
import type { RegistryRow } from '@orrery/projections';
import type { Gateway } from '../gateway.ts';
import { findLabelFault } from './image-labels.ts';
import { accessOf } from './registry-login.ts';

/** Repositories that are read side by side (reference: concurrency of a rescan). */
const REPOSITORIES_AT_ONCE_MAX = 4;
const IMAGES_MAX = 10_000;

export interface Rescan {
  readonly registry: string;
  /** References of the images that sessions may name now. */
  readonly images: readonly string[];
  /** What is there and cannot be used, and why. */
  readonly skipped: readonly { readonly reference: string; readonly reason: string }[];
}

interface Scan {
  readonly gateway: Gateway;
  readonly row: RegistryRow;
  readonly client: RegistryClient;
  readonly userId: string;
  readonly traceparent: string | undefined;
  readonly signal: AbortSignal;
  readonly images: string[];
  readonly skipped: { readonly reference: string; readonly reason: string }[];
  /** Of the last commit that it led to. */
  lastSequence: number;
}

/** Reads all images of a registry, or of its project, and registers them. Refused in the words of the registry. */
export async function rescan(
  row: RegistryRow,
  by: Pick<Scan, 'gateway' | 'userId' | 'traceparent' | 'signal'>,
): Promise<Result<Rescan & { readonly lastSequence: number }, Rejection>> {
  const client = new RegistryClient(accessOf(row, by.gateway.keys.secretSealing));
  const scan: Scan = { ...by, row, client, images: [], skipped: [], lastSequence: 0 };
  try {
    const all = await client.repositories(by.signal);
    const { project } = row;
    const waiting = all.filter((name) => project === null || name.startsWith(`${project}/`));
    const worker = async (): Promise<void> => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift())
        await readRepository(scan, name);
    };
    await Promise.all(Array.from({ length: REPOSITORIES_AT_ONCE_MAX }, worker));
  } catch (cause) {
    if (!(cause instanceof RegistryRefused || cause instanceof RegistryUnavailable)) throw cause;
    return err({ code: cause.code, message: cause.message, field: 'registry' });
  }
  const { images, skipped, lastSequence } = scan;
  return ok({ registry: row.name, images: images.toSorted(), skipped, lastSequence });
}

async function readRepository(scan: Scan, repository: string): Promise<void> {
  const { client, row, signal, images } = scan;
  for (const tag of await client.tags(repository, signal)) {
    const reference = canonicalReference(`${row.name}/${repository}:${tag}`);
    const skip = (reason: string) => scan.skipped.push({ reference, reason });
    if (images.length >= IMAGES_MAX) {
      skip(`there are more than ${IMAGES_MAX} images`);
      return;
    }
    const found = await readImage(scan, reference);
    if (!found.ok) skip(found.error);
    else await report(scan, reference, found.value);
  }
}

/** One image that cannot be read does not keep the others from being read. */
async function readImage(
  { client, signal }: Scan,
  reference: string,
): Promise<Result<readonly RegistryImage[], string>> {
  if (!ImageReference.safeParse(reference).success)
    return err('its name is none that an image may have');
  try {
    const platforms = await client.images(parseImageName(reference), signal);
    if (platforms.length === 0) return err('there is no image behind its name');
    const fault = platforms.map(({ labels }) => findLabelFault(labels)).find((one) => one);
    return fault === undefined ? ok(platforms) : err(fault);
  } catch (cause) {
    if (!(cause instanceof RegistryRefused)) throw cause;
    return err(cause.message);
  }
}

async function report(
  scan: Scan,
  reference: string,
  platforms: readonly RegistryImage[],
): Promise<void> {
  const { gateway, userId, traceparent } = scan;
  const command: ImageCommand = {
    type: 'report-scan',
    reference,
    platforms: platforms.map(({ digest, architecture, sizeBytes, labels }) => ({
      digest,
      architecture,
      sizeBytes,
      labels,
    })),
  };
  const { outcome } = await gateway.commands.request({
    aggregate: 'image',
    aggregateId: imageId(reference),
    actor: { kind: 'user', id: userId },
    traceparent,
    command,
  });
  if (!outcome.ok) {
    scan.skipped.push({ reference, reason: outcome.error.message });
    return;
  }
  scan.images.push(reference);
  scan.lastSequence = Math.max(scan.lastSequence, outcome.sequence);
}
