import { statfsSync } from 'node:fs';
import type { Clock, Logger } from '@orrery/bus';
import type Docker from 'dockerode';
import { z } from 'zod';
import { DiskFull } from '../errors.ts';
import { callEngine, unlessMissing } from './engine.ts';
import { type Disk, type PulledImage, planRemoval, type RemovalPolicy } from './image-removal.ts';
import type { PulledImages } from './pulled-images.ts';

const SWEEP_PERIOD_MS = 600_000;
/** Packed layers are unpacked beside what was loaded: about two and a half times as much, and themselves. */
const ROOM_FACTOR = 3.5;
const GIBIBYTE = 1024 ** 3;

const Inspected = z.object({ Id: z.string(), Size: z.number() });

/** Keeps the engine's disk from filling up with images that nobody uses any more. */
export class ImageRoom {
  readonly #docker: Docker;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #pulled: PulledImages;
  readonly #policy: RemovalPolicy;
  readonly #root: string | undefined;

  constructor(options: {
    readonly docker: Docker;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly pulled: PulledImages;
    readonly policy: RemovalPolicy;
    /** Where the engine keeps its things; undefined, or not on this machine: its disk cannot be seen. */
    readonly root: string | undefined;
  }) {
    this.#docker = options.docker;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#pulled = options.pulled;
    this.#policy = options.policy;
    this.#root = options.root;
  }

  /** Until the signal fires. */
  async keep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#sweep(0, signal).catch((err: unknown) => {
        if (!signal.aborted) this.#logger.warn({ err }, 'unused images could not be removed');
      });
      await this.#clock.sleep(SWEEP_PERIOD_MS, signal).catch(() => undefined);
    }
  }

  /** Removes unused images when that is what it takes. @throws {DiskFull} when it is not enough. */
  async make(packedBytes: number, signal: AbortSignal): Promise<void> {
    const wantedBytes = packedBytes * ROOM_FACTOR;
    if (this.#isRoomFor(wantedBytes)) return;
    await this.#sweep(wantedBytes, signal);
    if (this.#isRoomFor(wantedBytes)) return;
    const [wanted, free] = [wantedBytes, this.#disk()?.freeBytes ?? 0].map((bytes) =>
      (bytes / GIBIBYTE).toFixed(1),
    );
    throw new DiskFull('pull', {
      why: `the image needs about ${wanted} GiB, and the disk of this node has ${free} GiB left`,
    });
  }

  #isRoomFor(bytes: number): boolean {
    const disk = this.#disk();
    return disk === undefined || disk.freeBytes >= bytes;
  }

  #disk(): Disk | undefined {
    if (this.#root === undefined) return undefined;
    try {
      const { bsize, blocks, bavail } = statfsSync(this.#root);
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
    } catch {
      // The engine is on another machine.
      return undefined;
    }
  }

  async #sweep(wantedBytes: number, signal: AbortSignal): Promise<void> {
    const inUse = await this.#imagesInUse(signal);
    const images: PulledImage[] = [];
    for (const [reference, { usedAtMs }] of this.#pulled.entries()) {
      const image = await this.#find(reference, signal);
      if (image === undefined) this.#pulled.forget(reference);
      else images.push({ reference, usedAtMs, id: image.Id, sizeBytes: image.Size });
    }
    const nowMs = this.#clock.nowMs();
    const disk = this.#disk();
    const policy = this.#policy;
    for (const reference of planRemoval(images, { nowMs, inUse, policy, disk, wantedBytes })) {
      this.#logger.info({ reference }, 'an image that nobody uses is removed');
      // Without force: what has a container by now stays.
      await unlessMissing(
        callEngine('removing an image', signal, () => this.#docker.getImage(reference).remove()),
      );
      this.#pulled.forget(reference);
    }
  }

  /** Also those of containers that have ended: theirs may be looked at yet. */
  async #imagesInUse(signal: AbortSignal): Promise<ReadonlySet<string>> {
    const containers = await callEngine('listing containers', signal, (limited) =>
      this.#docker.listContainers({ all: true, abortSignal: limited }),
    );
    return new Set(containers.map(({ ImageID }) => ImageID));
  }

  async #find(reference: string, signal: AbortSignal) {
    const told = await unlessMissing(
      callEngine('looking at an image', signal, () => this.#docker.getImage(reference).inspect()),
    );
    return told === undefined ? undefined : Inspected.parse(told);
  }
}
