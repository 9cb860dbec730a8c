import {
  architectureName,
  type Clock,
  ImageReference,
  type Logger,
  type PullProgress,
  parseImageName,
} from '@orrery/bus';
import type Docker from 'dockerode';
import { z } from 'zod';
import type { LocalImage } from '../container-driver.ts';
import {
  EngineRefused,
  ImageArchitectureMismatch,
  ImageNotHere,
  ImagePullFailed,
} from '../errors.ts';
import { callEngine, unlessMissing } from './engine.ts';
import { ImagePull } from './image-pull.ts';
import type { ImageRoom } from './image-room.ts';
import type { PulledImages } from './pulled-images.ts';
import { findRegistry, type Registries } from './registries.ts';

/** More images than this are not told to the control plane. */
const IMAGES_MAX = 1_000;
/** So long a registry's word about what a tag stands for is taken. */
const DIGEST_KNOWN_MS = 10_000;
const DIGEST_ASKED_MS_MAX = 5_000;
const PATH = 'PATH=';

const InspectedImage = z.object({
  Id: z.string(),
  Architecture: z.string(),
  Size: z.number(),
  RepoTags: z.array(z.string()).nullish(),
  RepoDigests: z.array(z.string()).nullish(),
  Config: z
    .object({
      Labels: z.record(z.string(), z.string()).nullish(),
      Env: z.array(z.string()).nullish(),
    })
    .nullish(),
});

type Labels = LocalImage['facts']['labels'];

/**
 * When an image is got from its registry: `tag` when it is not here; `digest` also when its tag stands for
 * another image there by now; `none` never.
 */
export type PullPolicy = 'tag' | 'digest' | 'none';

interface Found {
  readonly facts: LocalImage['facts'];
  /** Of the manifests under which it was pulled. */
  readonly digests: readonly string[];
  readonly path: string | undefined;
}

/** What of an image matters to its containers. */
export interface ImageTraits {
  readonly labels: Labels;
  /** Where its programs are looked for; undefined: it does not say. */
  readonly path: string | undefined;
}

export interface ImageStoreOptions {
  readonly docker: Docker;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly architecture: string;
  readonly registries: Registries;
  readonly policy: PullPolicy;
  readonly pulled: PulledImages;
  readonly room: ImageRoom;
}

/** The images of one engine: which are there, and how to get the others. */
export class ImageStore implements Disposable {
  readonly #options: ImageStoreOptions;
  readonly #end = new AbortController();
  /** References known to be here, until the engine says that something changed. */
  readonly #present = new Map<string, { readonly atMs: number }>();
  /** As they were when the image was prepared last. */
  readonly #traits = new Map<string, ImageTraits>();
  readonly #pulls = new Map<string, ImagePull>();
  readonly #factsById = new Map<string, LocalImage['facts']>();

  constructor(options: ImageStoreOptions) {
    this.#options = options;
  }

  forget(reference?: string): void {
    if (reference === undefined) this.#present.clear();
    else this.#present.delete(reference);
  }

  /** @throws {ImageNotHere} | {ImageArchitectureMismatch}, or as a pull fails. */
  async prepare(
    reference: string,
    onPull: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, policy, pulled } = this.#options;
    const known = this.#present.get(reference);
    const isKnown = known !== undefined && clock.nowMs() - known.atMs < DIGEST_KNOWN_MS;
    if (known !== undefined && (policy !== 'digest' || isKnown)) {
      pulled.used(reference, clock.nowMs());
      return;
    }
    let found = await this.#inspect(reference, signal);
    if (found === undefined || (await this.#isOutdated(reference, found, signal))) {
      if (policy === 'none') throw new ImageNotHere(reference);
      await this.#pull(reference, onPull, signal);
      found = await this.#inspect(reference, signal);
      if (found === undefined)
        throw new ImagePullFailed(reference, 'the engine ended the pull and does not have it');
      pulled.pulled(reference, clock.nowMs());
    }
    pulled.used(reference, clock.nowMs());
    this.#present.set(reference, { atMs: clock.nowMs() });
    this.#traits.set(reference, { labels: found.facts.labels, path: found.path });
  }

  /** Of an image that was prepared; undefined: none was. */
  traitsOf(reference: string): ImageTraits | undefined {
    return this.#traits.get(reference);
  }

  async list(signal: AbortSignal): Promise<readonly LocalImage[]> {
    const { docker, logger } = this.#options;
    const listed = await callEngine('listing images', signal, () => docker.listImages());
    const found: LocalImage[] = [];
    for (const { Id, RepoTags } of listed) {
      const references = (RepoTags ?? []).filter((tag) => ImageReference.safeParse(tag).success);
      if (references.length === 0) continue;
      const facts = this.#factsById.get(Id) ?? (await this.#find(Id, signal))?.facts;
      if (facts === undefined) continue;
      this.#factsById.set(Id, facts);
      found.push(...references.map((reference) => ({ reference, facts })));
    }
    for (const id of this.#factsById.keys())
      if (!listed.some(({ Id }) => Id === id)) this.#factsById.delete(id);
    if (found.length > IMAGES_MAX)
      logger.warn({ images: found.length, told: IMAGES_MAX }, 'more images than are told');
    return found.slice(0, IMAGES_MAX);
  }

  /** Ends the pulls where they stand. */
  [Symbol.dispose](): void {
    this.#end.abort(new Error('the agent ends'));
  }

  async #inspect(reference: string, signal: AbortSignal): Promise<Found | undefined> {
    const found = await this.#find(reference, signal);
    if (found === undefined) return undefined;
    const { architecture } = found.facts;
    if (architecture !== this.#options.architecture && architecture !== '')
      throw new ImageArchitectureMismatch(reference, architecture, this.#options.architecture);
    return found;
  }

  /** Whether its tag stands for another image by now. While the registry does not say, it does not. */
  async #isOutdated(reference: string, { digests }: Found, signal: AbortSignal): Promise<boolean> {
    const { policy, registries, logger } = this.#options;
    // What was built or imported here came from no registry.
    if (policy !== 'digest' || digests.length === 0) return false;
    const name = parseImageName(reference);
    if (name.digest !== undefined) return false;
    try {
      const { client } = await findRegistry(registries, name.host);
      const limited = AbortSignal.any([signal, AbortSignal.timeout(DIGEST_ASKED_MS_MAX)]);
      const digest = await client.digest(name, limited);
      return digest !== undefined && !digests.includes(digest);
    } catch (err) {
      signal.throwIfAborted();
      logger.warn({ err, reference }, 'the image that is here is taken: its registry does not say');
      return false;
    }
  }

  async #find(name: string, signal: AbortSignal): Promise<Found | undefined> {
    const { docker } = this.#options;
    const told = await unlessMissing(
      callEngine('looking at an image', signal, () => docker.getImage(name).inspect()),
    );
    if (told === undefined) return undefined;
    const { Id, Architecture, Size, RepoDigests, Config } = InspectedImage.parse(told);
    const facts = {
      digest: Id,
      architecture: architectureName(Architecture),
      sizeBytes: Size,
      labels: Config?.Labels ?? {},
    };
    const path = Config?.Env?.find((line) => line.startsWith(PATH))?.slice(PATH.length);
    const digests = (RepoDigests ?? []).map((text) => text.split('@')[1] ?? '');
    return { facts, digests, path };
  }

  /** One pull an image, whoever asks; an asker who goes away does not stop it for the others. */
  async #pull(
    reference: string,
    onPull: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    let pull = this.#pulls.get(reference);
    if (pull === undefined) {
      const { room } = this.#options;
      pull = new ImagePull(reference, {
        ...this.#options,
        signal: this.#end.signal,
        makeRoom: (packedBytes, asked) => room.make(packedBytes, asked),
      });
      this.#pulls.set(reference, pull);
      const done = (): boolean => this.#pulls.delete(reference);
      pull.done.then(done, done);
    }
    using _listening = pull.listen(onPull);
    await Promise.race([pull.done, aborted(signal)]);
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** Whether a failed create means that the image went away after it was prepared. */
export function isImageMissing(cause: unknown): boolean {
  return cause instanceof EngineRefused && cause.status === 404 && /image/i.test(cause.why);
}
