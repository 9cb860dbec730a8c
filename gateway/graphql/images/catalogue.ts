import { canonicalReference } from '@orrery/bus';
import type { ImageRow, Projections } from '@orrery/projections';
import type { LogFeed } from '../../feed/log-feed.ts';
import type { Progress } from '../../feed/progress.ts';
import { ProjectedCache } from '../../feed/projected-cache.ts';

const IMAGES_KEPT_MAX = 1_000;
/** Images among which a default is chosen. */
const IMAGES_CONSIDERED_MAX = 1_000;
const PAGE_IMAGES = 100;

/** Label of the image to take when a session names none. */
const DEFAULT_LABEL = 'orrery.default';
/** What the process driver and the simulated one call the only image they have. */
const DRIVER_IMAGES: readonly string[] = ['host', 'simulated'];

/** Images as creating a session needs them. @throws {ProjectionsUnavailable} */
export interface Catalogue {
  /** By its reference, written in whichever way, or by an alias. */
  findImage(reference: string): Promise<ImageRow | undefined>;
  /** Reference of the image of a session that names none. */
  defaultReference(): Promise<string | undefined>;
}

export function createCatalogue(options: {
  readonly projections: Projections;
  readonly feed: LogFeed;
  readonly progress: Progress;
  readonly configured: string | undefined;
}): Catalogue {
  const { projections, feed, progress, configured } = options;
  const images = new ProjectedCache({
    aggregates: ['image'],
    entriesMax: IMAGES_KEPT_MAX,
    feed,
    progress,
    load: async (reference) => {
      const image = await projections.findImage(reference);
      return image?.isForgotten === false ? image : undefined;
    },
  });
  const chosen = new ProjectedCache({
    aggregates: ['image'],
    entriesMax: 1,
    feed,
    progress,
    load: async () => {
      const reference = chooseDefault(await allImages(projections));
      return reference === undefined ? undefined : { reference };
    },
  });
  return {
    async findImage(reference) {
      const canonical = canonicalReference(reference);
      const named =
        (await images.get(reference)) ??
        (await images.get(`${reference}:latest`)) ??
        (canonical === reference ? undefined : await images.get(canonical));
      // An alias stands for an image, never for another alias.
      if (named === undefined || named.aliasOf === null) return named;
      const target = await images.get(named.aliasOf);
      return target?.aliasOf === null ? target : undefined;
    },
    async defaultReference() {
      return configured ?? (await chosen.get('default'))?.reference;
    },
  };
}

/** The labelled one, else the only one of a driver without images, else the first that some node has. */
export function chooseDefault(images: readonly ImageRow[]): string | undefined {
  const sorted = images
    .filter(({ isForgotten }) => !isForgotten)
    .toSorted((left, right) => (left.reference < right.reference ? -1 : 1));
  const [first] = [
    ...sorted.filter(({ labels }) => labels[DEFAULT_LABEL] !== undefined),
    ...sorted.filter(({ reference }) => DRIVER_IMAGES.includes(reference)),
    ...sorted.filter(({ agentIds }) => agentIds.length > 0),
  ];
  return first?.reference;
}

async function allImages(projections: Projections): Promise<readonly ImageRow[]> {
  const images: ImageRow[] = [];
  let after: string | undefined;
  do {
    const page = await projections.listImages({ first: PAGE_IMAGES, after });
    if (!page.ok) throw new Error(`the page of images was refused: ${page.error.code}`);
    images.push(...page.value.edges.map(({ row }) => row));
    after = page.value.hasNextPage ? page.value.edges.at(-1)?.cursor : undefined;
  } while (after !== undefined && images.length < IMAGES_CONSIDERED_MAX);
  return images;
}
