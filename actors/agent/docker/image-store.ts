import { type Clock, ImageReference, type Logger } from '@orrery/bus';
import type Docker from 'dockerode';
import { z } from 'zod';
import type { LocalImage, PullProgress } from '../container-driver.ts';
import {
  DiskFull,
  EngineRefused,
  ImageArchitectureMismatch,
  ImageNotFound,
  ImagePullFailed,
} from '../errors.ts';
import { callEngine, unlessMissing } from './engine.ts';

/** A pull that says nothing for this long has failed. */
const PULL_SILENCE_MS_MAX = 300_000;
/** More images than this are not told to the control plane. */
const IMAGES_MAX = 1_000;
const ARCHITECTURES: Readonly<Record<string, string>> = {
  amd64: 'x86_64',
  x64: 'x86_64',
  arm64: 'aarch64',
};

const InspectedImage = z.object({
  Id: z.string(),
  Architecture: z.string(),
  Size: z.number(),
  RepoTags: z.array(z.string()).nullish(),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
});

const PullNotice = z.object({
  id: z.string().optional(),
  status: z.string().optional(),
  error: z.string().optional(),
  progressDetail: z.object({ current: z.number().optional() }).optional(),
});

type Labels = LocalImage['facts']['labels'];

/** The images of one engine: which are there, and how to get the others. */
export class ImageStore {
  readonly #docker: Docker;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #architecture: string;
  /** References known to be here, until the engine says that something changed. */
  readonly #present = new Set<string>();
  /** As they were when the image was prepared last. */
  readonly #labels = new Map<string, Labels>();
  readonly #pulls = new Map<string, Promise<void>>();
  readonly #factsById = new Map<string, LocalImage['facts']>();

  constructor(options: {
    readonly docker: Docker;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly architecture: string;
  }) {
    this.#docker = options.docker;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#architecture = options.architecture;
  }

  forget(reference?: string): void {
    if (reference === undefined) this.#present.clear();
    else this.#present.delete(reference);
  }

  /** @throws {ImageNotFound} | {ImagePullFailed} | {ImageArchitectureMismatch} */
  async prepare(
    reference: string,
    onPull: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#present.has(reference)) return;
    let labels = await this.#inspect(reference, signal);
    if (labels === undefined) {
      await this.#pull(reference, onPull, signal);
      labels = await this.#inspect(reference, signal);
      if (labels === undefined) throw new ImageNotFound(reference);
    }
    this.#present.add(reference);
    this.#labels.set(reference, labels);
  }

  /** Of an image that was prepared; undefined: none was. */
  labelsOf(reference: string): Labels | undefined {
    return this.#labels.get(reference);
  }

  async list(signal: AbortSignal): Promise<readonly LocalImage[]> {
    const listed = await callEngine('listing images', signal, () => this.#docker.listImages());
    const found: LocalImage[] = [];
    for (const { Id, RepoTags } of listed) {
      const references = (RepoTags ?? []).filter((tag) => ImageReference.safeParse(tag).success);
      if (references.length === 0) continue;
      const facts = this.#factsById.get(Id) ?? (await this.#facts(Id, signal));
      if (facts === undefined) continue;
      this.#factsById.set(Id, facts);
      found.push(...references.map((reference) => ({ reference, facts })));
    }
    for (const id of this.#factsById.keys())
      if (!listed.some(({ Id }) => Id === id)) this.#factsById.delete(id);
    if (found.length > IMAGES_MAX)
      this.#logger.warn({ images: found.length, told: IMAGES_MAX }, 'more images than are told');
    return found.slice(0, IMAGES_MAX);
  }

  async #inspect(reference: string, signal: AbortSignal): Promise<Labels | undefined> {
    const facts = await this.#facts(reference, signal);
    if (facts === undefined) return undefined;
    if (facts.architecture !== this.#architecture && facts.architecture !== '')
      throw new ImageArchitectureMismatch(reference, facts.architecture, this.#architecture);
    return facts.labels;
  }

  async #facts(name: string, signal: AbortSignal): Promise<LocalImage['facts'] | undefined> {
    const told = await unlessMissing(
      callEngine('looking at an image', signal, () => this.#docker.getImage(name).inspect()),
    );
    if (told === undefined) return undefined;
    const { Id, Architecture, Size, Config } = InspectedImage.parse(told);
    return {
      digest: Id,
      architecture: ARCHITECTURES[Architecture] ?? Architecture,
      sizeBytes: Size,
      labels: Config?.Labels ?? {},
    };
  }

  /** One pull an image, whoever asks; an asker who goes away does not stop it for the others. */
  async #pull(
    reference: string,
    onPull: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    onPull({ layersDone: 0, layersTotal: 0, bytesDone: 0 });
    let pull = this.#pulls.get(reference);
    if (pull === undefined) {
      pull = this.#pullOnce(reference, onPull).finally(() => this.#pulls.delete(reference));
      this.#pulls.set(reference, pull);
    }
    await Promise.race([pull, aborted(signal)]);
  }

  async #pullOnce(reference: string, onPull: (progress: PullProgress) => void): Promise<void> {
    const stopper = new AbortController();
    const layers = new Map<string, { readonly isDone: boolean; readonly bytes: number }>();
    let lastHeardAtMs = this.#clock.nowMs();
    const watch = this.#watchSilence(() => lastHeardAtMs, stopper);
    try {
      const tagged = /[:@][^/]*$/.test(reference) ? reference : `${reference}:latest`;
      const stream = await this.#docker.pull(tagged, { abortSignal: stopper.signal });
      for await (const notice of pullNotices(stream)) {
        lastHeardAtMs = this.#clock.nowMs();
        if (notice.error !== undefined) throw new ImagePullFailed(reference, notice.error);
        if (notice.id === undefined) continue;
        const isDone = /^(Pull complete|Already exists)$/.test(notice.status ?? '');
        layers.set(notice.id, { isDone, bytes: notice.progressDetail?.current ?? 0 });
        onPull(progressOf([...layers.values()]));
      }
    } catch (cause) {
      throw pullFailure(reference, stopper.signal.aborted ? stopper.signal.reason : cause);
    } finally {
      stopper.abort(new Error('the pull has ended'));
      await watch;
    }
  }

  async #watchSilence(lastHeardAtMs: () => number, stopper: AbortController): Promise<void> {
    while (!stopper.signal.aborted) {
      const leftMs = lastHeardAtMs() + PULL_SILENCE_MS_MAX - this.#clock.nowMs();
      if (leftMs <= 0) {
        stopper.abort(new Error(`the registry said nothing for ${PULL_SILENCE_MS_MAX} ms`));
        return;
      }
      try {
        await this.#clock.sleep(leftMs, stopper.signal);
      } catch {
        return;
      }
    }
  }
}

function progressOf(
  layers: readonly { readonly isDone: boolean; readonly bytes: number }[],
): PullProgress {
  return {
    layersDone: layers.filter(({ isDone }) => isDone).length,
    layersTotal: layers.length,
    bytesDone: layers.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** The engine tells in prose whether an image does not exist or could not be got. */
function pullFailure(
  reference: string,
  cause: unknown,
): ImageNotFound | ImagePullFailed | DiskFull {
  const why = cause instanceof Error ? cause.message : String(cause);
  if (/no space left on device/i.test(why)) return new DiskFull('pull', { cause });
  const isMissing =
    /not found|manifest unknown|does not exist|repository name must|invalid reference|denied/i.test(
      why,
    );
  return isMissing && !/no such host|dial tcp|timeout/i.test(why)
    ? new ImageNotFound(reference, { cause })
    : new ImagePullFailed(reference, why, { cause });
}

async function* pullNotices(
  stream: NodeJS.ReadableStream,
): AsyncGenerator<z.infer<typeof PullNotice>> {
  let rest = '';
  for await (const piece of stream) {
    const lines = (rest + String(piece)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield PullNotice.parse(JSON.parse(line));
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
