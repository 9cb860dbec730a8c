import {
  type Clock,
  type ImageName,
  type Logger,
  type PullProgress,
  parseImageName,
  RegistryRefused,
} from '@orrery/bus';
import type Docker from 'dockerode';
import {
  DiskFull,
  ImageArchitectureMismatch,
  ImageNotFound,
  ImagePullFailed,
  ImagePullRefused,
} from '../errors.ts';
import { PullTally, pullNotices } from './pull-notices.ts';
import {
  engineLogin,
  type FoundRegistry,
  findRegistry,
  imageFor,
  type Registries,
} from './registries.ts';

/** A pull that says nothing for this long has failed. */
const PULL_SILENCE_MS_MAX = 300_000;
/** How often a pull is tried whose failure may pass. */
const PULLS_MAX = 5;
const RETRY_MS_MIN = 1_000;
/** How long the registry may take to say what it has, before the engine is left to find it out. */
const EXAMINE_MS_MAX = 5_000;

export interface PullParts {
  readonly docker: Docker;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly architecture: string;
  readonly registries: Registries;
  /** Resolves when there is room for an image of so many packed bytes. @throws {DiskFull} */
  readonly makeRoom: (packedBytes: number, signal: AbortSignal) => Promise<void>;
  /** Ends the pull where it stands. */
  readonly signal: AbortSignal;
}

/**
 * Gets one image, whoever asks for it: all hear of its progress, and an asker who goes away does not stop it
 * for the others. `done` rejects with {ImageNotFound}, {ImagePullRefused}, {ImagePullFailed},
 * {ImageArchitectureMismatch} or {DiskFull}.
 */
export class ImagePull {
  readonly done: Promise<void>;
  readonly #reference: string;
  readonly #name: ImageName;
  readonly #parts: PullParts;
  readonly #listeners = new Set<(progress: PullProgress) => void>();
  #progress: PullProgress = { layersDone: 0, layersTotal: 0, bytesDone: 0 };

  constructor(reference: string, parts: PullParts) {
    this.#reference = reference;
    this.#name = parseImageName(reference);
    this.#parts = parts;
    this.done = this.#run();
    // Everybody who asked may have gone.
    this.done.catch(() => undefined);
  }

  /** Told at once how far it is. Disposing ends the listening and not the pull. */
  listen(onPull: (progress: PullProgress) => void): Disposable {
    this.#listeners.add(onPull);
    onPull(this.#progress);
    return { [Symbol.dispose]: () => this.#listeners.delete(onPull) };
  }

  async #run(): Promise<void> {
    const { clock, logger, signal } = this.#parts;
    for (let pull = 1; ; pull++) {
      try {
        await this.#pull();
        return;
      } catch (err) {
        signal.throwIfAborted();
        if (!(err instanceof ImagePullFailed) || pull >= PULLS_MAX) throw err;
        const waitMs = RETRY_MS_MIN * 2 ** (pull - 1);
        logger.warn({ err, reference: this.#reference, pull, waitMs }, 'a pull is tried again');
        await clock.sleep(waitMs, signal);
      }
    }
  }

  async #pull(): Promise<void> {
    const registry = await findRegistry(this.#parts.registries, this.#name.host);
    const bytesTotal = await this.#examine(registry);
    await this.#load(registry, new PullTally(bytesTotal));
  }

  /**
   * What can be known before anything is loaded: that it is there, for which machines, and how large. A
   * registry that cannot be asked from here may yet be in the engine's reach.
   */
  async #examine(registry: FoundRegistry): Promise<number | undefined> {
    const { architecture, logger, makeRoom } = this.#parts;
    const signal = AbortSignal.any([this.#parts.signal, AbortSignal.timeout(EXAMINE_MS_MAX)]);
    try {
      const images = await registry.client.images(this.#name, signal);
      const image = imageFor(images, architecture);
      if (image === undefined)
        throw new ImageArchitectureMismatch(
          this.#reference,
          images.map((each) => each.architecture).join(', ') || 'no machine',
          architecture,
        );
      await makeRoom(image.sizeBytes, signal);
      return image.sizeBytes;
    } catch (cause) {
      this.#parts.signal.throwIfAborted();
      if (cause instanceof ImageArchitectureMismatch || cause instanceof DiskFull) throw cause;
      const { status } = cause instanceof RegistryRefused ? cause : { status: undefined };
      if (status === 404) throw new ImageNotFound(this.#reference, { cause });
      if (status === 401 || status === 403) throw this.#refused(registry, cause);
      logger.info({ err: cause, reference: this.#reference }, 'the registry could not be asked');
      return undefined;
    }
  }

  /** Where nobody could be asked for a login, it may be there the next time. */
  #refused({ unasked }: FoundRegistry, cause: unknown): ImagePullRefused | ImagePullFailed {
    const why = wordsOf(cause);
    return unasked === undefined
      ? new ImagePullRefused(this.#reference, why, { cause })
      : new ImagePullFailed(this.#reference, `${why}; a login could not be asked for`, { cause });
  }

  async #load(registry: FoundRegistry, tally: PullTally): Promise<void> {
    const { docker, clock } = this.#parts;
    const stopper = new AbortController();
    let lastHeardAtMs = clock.nowMs();
    const watch = this.#watchSilence(() => lastHeardAtMs, stopper);
    const { tag, digest } = this.#name;
    const fromImage = this.#reference.replace(/(@sha256:.*|:[^:/@]+)$/, '');
    try {
      const stream = await docker.createImage(engineLogin(this.#name, registry.told) ?? {}, {
        fromImage,
        tag: digest ?? tag,
        abortSignal: AbortSignal.any([stopper.signal, this.#parts.signal]),
      });
      for await (const notice of pullNotices(stream)) {
        lastHeardAtMs = clock.nowMs();
        if (notice.error !== undefined) throw new Error(notice.error);
        const progress = tally.take(notice);
        if (progress !== undefined) this.#tell(progress);
      }
    } catch (cause) {
      throw this.#failure(registry, stopper.signal.aborted ? stopper.signal.reason : cause);
    } finally {
      stopper.abort(new Error('the pull has ended'));
      await watch;
    }
  }

  #tell(progress: PullProgress): void {
    this.#progress = progress;
    for (const listener of this.#listeners) listener(progress);
  }

  async #watchSilence(lastHeardAtMs: () => number, stopper: AbortController): Promise<void> {
    const { clock } = this.#parts;
    while (!stopper.signal.aborted) {
      const leftMs = lastHeardAtMs() + PULL_SILENCE_MS_MAX - clock.nowMs();
      if (leftMs <= 0) {
        stopper.abort(new Error(`the registry said nothing for ${PULL_SILENCE_MS_MAX} ms`));
        return;
      }
      await clock.sleep(leftMs, stopper.signal).catch(() => undefined);
    }
  }

  /** The engine tells in prose whether an image does not exist or could not be got. */
  #failure(registry: FoundRegistry, cause: unknown) {
    const why = wordsOf(cause);
    if (/no space left on device/i.test(why)) return new DiskFull('pull', { cause });
    const isPassing = /no such host|dial tcp|timeout|connection|EOF|toomanyrequests/i.test(why);
    if (!isPassing && /unauthorized|denied|no basic auth credentials/i.test(why))
      return this.#refused(registry, cause);
    const isMissing =
      /not found|manifest unknown|name unknown|does not exist|repository name must|invalid reference/i.test(
        why,
      );
    return isMissing && !isPassing
      ? new ImageNotFound(this.#reference, { cause })
      : new ImagePullFailed(this.#reference, why, { cause });
  }
}

function wordsOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
