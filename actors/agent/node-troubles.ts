import type { Clock, Logger, NodeTrouble } from '@orrery/bus';

const LOOK_PERIOD_MS = 5_000;
/** More than this are not told: they are of kernels, and the first say enough. */
const TOLD_MAX = 50;

/** What is found wrong; its message must not change while that lasts. */
export type Trouble = Omit<NodeTrouble, 'sinceMs'>;

/** One thing that can go wrong on a node and right itself again. Undefined: it is well. */
export interface TroubleSource {
  readonly code: NodeTrouble['code'];
  look(signal: AbortSignal): Promise<Trouble | undefined>;
}

/** What is wrong on this node now, from when on, and whether that has changed. */
export class NodeTroubles {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #known = new Map<string, NodeTrouble>();
  #news = Promise.withResolvers<void>();

  constructor({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.#clock = clock;
    this.#logger = logger;
  }

  get all(): readonly NodeTrouble[] {
    return [...this.#known.values()].slice(0, TOLD_MAX);
  }

  /** Resolves when something has changed since it resolved last. */
  async news(): Promise<void> {
    await this.#news.promise;
    this.#news = Promise.withResolvers();
  }

  note(trouble: Trouble): void {
    const key = keyOf(trouble.code, trouble.kernel);
    const before = this.#known.get(key);
    if (before?.message === trouble.message) return;
    this.#known.set(key, { ...trouble, sinceMs: before?.sinceMs ?? this.#clock.nowMs() });
    this.#logger.warn({ trouble }, 'something is wrong on this node');
    this.#news.resolve();
  }

  clear(code: NodeTrouble['code'], kernel?: string): void {
    if (!this.#known.delete(keyOf(code, kernel))) return;
    this.#logger.info({ code, kernel }, 'what was wrong on this node is over');
    this.#news.resolve();
  }

  /** Looks at all of them every few seconds, until the signal fires; one that hangs keeps no other waiting. */
  async watch(sources: readonly TroubleSource[], signal: AbortSignal): Promise<void> {
    await Promise.all(sources.map((source) => this.#watchOne(source, signal)));
  }

  async #watchOne(source: TroubleSource, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const found = await source.look(signal);
        if (found === undefined) this.clear(source.code);
        else this.note(found);
      } catch (err) {
        if (signal.aborted) return;
        this.#logger.warn({ err, code: source.code }, 'it could not be seen whether all is well');
      }
      await this.#clock.sleep(LOOK_PERIOD_MS, signal).catch(() => undefined);
    }
  }
}

function keyOf(code: string, kernel = ''): string {
  return `${code} ${kernel}`;
}
