import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import {
  agentLive,
  type Clock,
  HEARTBEAT_PERIOD_MS,
  type ImageCommand,
  imageId,
  type LiveChannel,
  type Logger,
  type NodeCommand,
  type NodeFacts,
  newId,
} from '@orrery/bus';
import { z } from 'zod';
import type { ContainerDriver } from './container-driver.ts';
import type { Reporter } from './reporter.ts';

/** Changes of images that come within this time are told together. */
const IMAGES_QUIET_MS = 500;

const KnownImages = z.record(z.string(), z.string());

/** Tells the control plane that this node is there, what it can give, and which images it has. */
export class NodePresence {
  readonly #options: NodePresenceOptions;
  /** Digest by reference, as the control plane was told. */
  #told: Readonly<Record<string, string>>;
  #telling: Promise<void> | undefined;

  constructor(options: NodePresenceOptions) {
    this.#options = options;
    this.#told = readTold(options.imagesFile);
  }

  async register(facts: NodeFacts): Promise<void> {
    const command: NodeCommand = { type: 'register', facts };
    await this.#tellNode(command);
  }

  /** Only when the node is to be given up: a mere restart of the agent says nothing. */
  async leave(reason: string): Promise<void> {
    const command: NodeCommand = { type: 'leave', reason };
    await this.#tellNode(command);
  }

  /** Sends what changed since the last time, also since the last agent. */
  async tellImages(): Promise<void> {
    const { driver, reporter, node, clock, signal } = this.#options;
    const images = await driver.images(signal);
    const there: Record<string, string> = {};
    for (const { reference, facts } of images) {
      there[reference] = facts.digest;
      if (this.#told[reference] === facts.digest) continue;
      const command: ImageCommand = { type: 'report', reference, node, facts };
      const id = newId(clock.nowMs());
      await reporter.tell({ id, aggregate: 'image', aggregateId: imageId(reference), command });
    }
    for (const reference of Object.keys(this.#told)) {
      if (reference in there) continue;
      const command: ImageCommand = { type: 'report-gone', node };
      const id = newId(clock.nowMs());
      await reporter.tell({ id, aggregate: 'image', aggregateId: imageId(reference), command });
    }
    this.#told = there;
    writeTold(this.#options.imagesFile, there);
  }

  /** Soon, and once for many changes at a time. */
  imagesChanged(): void {
    const { clock, logger, signal } = this.#options;
    this.#telling ??= clock
      .sleep(IMAGES_QUIET_MS, signal)
      .then(() => {
        this.#telling = undefined;
        return this.tellImages();
      })
      .catch((err: unknown) => {
        this.#telling = undefined;
        if (!signal.aborted) logger.warn({ err }, 'changed images could not be told');
      });
  }

  /** Until the signal fires. The first one goes out at once. */
  async beat(kernelsRunning: () => number): Promise<void> {
    const { live, node, clock, signal } = this.#options;
    while (!signal.aborted) {
      const beat = { node, atMs: clock.nowMs(), kernelsRunning: kernelsRunning() };
      live.publish(agentLive.heartbeat(node), beat);
      await clock.sleep(HEARTBEAT_PERIOD_MS, signal).catch(() => undefined);
    }
  }

  #tellNode(command: NodeCommand): Promise<void> {
    const { reporter, node, clock } = this.#options;
    const id = newId(clock.nowMs());
    return reporter.tell({ id, aggregate: 'node', aggregateId: node, command });
  }
}

export interface NodePresenceOptions {
  readonly driver: ContainerDriver;
  readonly reporter: Reporter;
  readonly live: LiveChannel;
  readonly node: string;
  /** Where it is kept what was told of images; undefined: everything is told anew. */
  readonly imagesFile: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

function readTold(path: string | undefined): Readonly<Record<string, string>> {
  if (path === undefined || !existsSync(path)) return {};
  try {
    return KnownImages.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // Telling everything again does no harm.
    return {};
  }
}

function writeTold(path: string | undefined, told: Readonly<Record<string, string>>): void {
  if (path === undefined) return;
  writeFileSync(`${path}.new`, JSON.stringify(told), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
