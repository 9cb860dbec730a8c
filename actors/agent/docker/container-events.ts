import { createInterface } from 'node:readline';
import type { Clock, Logger } from '@orrery/bus';
import type Docker from 'dockerode';
import { z } from 'zod';
import type { ContainerChange, ContainerExit } from '../container-driver.ts';
import { Mailbox } from '../mailbox.ts';
import { labels, type Ownership } from './container-options.ts';
import { translate } from './engine.ts';

const RECONNECT_MS = 500;
/** When more changes wait than this, the stream is given up and begun anew with a list. */
const CHANGES_WAITING_MAX = 10_000;
const IMAGE_ACTIONS: readonly string[] = ['pull', 'delete', 'untag', 'tag', 'load', 'import'];

const EngineEvent = z.object({
  Type: z.string(),
  Action: z.string(),
  Actor: z.object({ ID: z.string(), Attributes: z.record(z.string(), z.string()) }),
  timeNano: z.number(),
});
type EngineEvent = z.infer<typeof EngineEvent>;

const NANOSECONDS_PER_MS = 1_000_000;

/** Turns the engine's one stream of events into what happened to this node's kernels. */
export class ContainerEvents {
  readonly #docker: Docker;
  readonly #owner: Ownership;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #onExit: (event: ExitEvent) => Promise<ContainerExit>;
  readonly #onImageChange: () => void;
  /** Containers of which the engine said that memory ran out, until they end. */
  readonly #outOfMemory = new Set<string>();

  constructor(options: {
    readonly docker: Docker;
    readonly owner: Ownership;
    readonly clock: Clock;
    readonly logger: Logger;
    /** What is known of an exit that the engine just told. */
    readonly onExit: (event: ExitEvent) => Promise<ContainerExit>;
    readonly onImageChange: () => void;
  }) {
    this.#docker = options.docker;
    this.#owner = options.owner;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#onExit = options.onExit;
    this.#onImageChange = options.onImageChange;
  }

  wasOomSeen(containerId: string): boolean {
    return this.#outOfMemory.has(containerId);
  }

  async *follow(signal: AbortSignal): AsyncGenerator<ContainerChange> {
    while (!signal.aborted) {
      const stopper = new AbortController();
      const limited = AbortSignal.any([signal, stopper.signal]);
      try {
        const changes = await this.#open(limited);
        yield* changes;
      } catch (cause) {
        if (signal.aborted) return;
        this.#logger.warn({ err: translate('telling events', cause) }, 'the event stream broke');
      } finally {
        stopper.abort(new Error('the event stream is not read any more'));
      }
      await this.#clock.sleep(RECONNECT_MS, signal).catch(() => undefined);
    }
  }

  async #open(signal: AbortSignal): Promise<Mailbox<ContainerChange>> {
    const stream = await this.#docker.getEvents({
      filters: {
        type: ['container', 'image'],
        event: ['create', 'die', 'oom', 'destroy', ...IMAGE_ACTIONS],
      },
      abortSignal: signal,
    });
    const changes = new Mailbox<ContainerChange>(CHANGES_WAITING_MAX);
    this.#onImageChange();
    changes.push({ kind: 'resync' });
    this.#read(stream, changes).then(
      () => changes.close(),
      (cause: unknown) => changes.close(cause),
    );
    return changes;
  }

  async #read(stream: NodeJS.ReadableStream, changes: Mailbox<ContainerChange>): Promise<void> {
    for await (const line of createInterface({ input: stream })) {
      const event = EngineEvent.parse(JSON.parse(line));
      if (event.Type === 'image') {
        this.#onImageChange();
        changes.push({ kind: 'images-changed' });
      } else if (this.#isOurs(event)) this.#take(event, changes);
    }
  }

  #isOurs({ Actor: { Attributes } }: EngineEvent): boolean {
    return (
      Attributes[labels.node] === this.#owner.node &&
      Attributes[labels.installation] === this.#owner.installation
    );
  }

  #take(event: EngineEvent, changes: Mailbox<ContainerChange>): void {
    const { ID, Attributes } = event.Actor;
    const kernel = Attributes[labels.kernel];
    if (kernel === undefined) return;
    if (event.Action === 'oom') this.#outOfMemory.add(ID);
    if (event.Action === 'destroy') this.#outOfMemory.delete(ID);
    if (event.Action === 'create') changes.push({ kind: 'created', kernel });
    if (event.Action !== 'die') return;
    const told: ExitEvent = {
      containerId: ID,
      exitCode: Attributes['exitCode'] === undefined ? null : Number(Attributes['exitCode']),
      atMs: Math.floor(event.timeNano / NANOSECONDS_PER_MS),
    };
    this.#onExit(told).then(
      (exit) => {
        if (changes.push({ kind: 'exited', kernel, exit }) === 'full')
          changes.close(new Error(`more than ${CHANGES_WAITING_MAX} changes wait`));
      },
      (cause: unknown) => changes.close(cause),
    );
  }
}

export interface ExitEvent {
  readonly containerId: string;
  readonly exitCode: number | null;
  readonly atMs: number;
}
