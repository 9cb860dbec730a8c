import {
  type AggregateName,
  type Bus,
  type Clock,
  OrreryError,
  type RecordedCommit,
} from '@orrery/bus';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { AnyAggregate } from './aggregate.ts';
import { heldFrom, linesOf } from './stored-held.ts';
import { absent, type Held, replay, subjectKey } from './turn.ts';
import type { Window } from './window.ts';

/** Commands after which a state is saved, so that a cold start reads only what came after. */
const COMMANDS_PER_SNAPSHOT = 64;
/** A large one more seldom: a command pays for about this much of it. */
const CHARACTERS_PER_COMMAND = 1000;
/** A log with more commits than this may have a snapshot; most are shorter and are read alone. */
const COMMITS_BEFORE_SNAPSHOT = 64;
/** Memory of a state by the size of its JSON, and besides it: measured. */
const BYTES_PER_CHARACTER = 2.5;
const BYTES_BESIDES = 600;
/** Before that a state has hardly grown: it is what the first event said. */
const EVENTS_BEFORE_MEASURED_AGAIN = 8;

/** The aggregates a host has in memory. */
export interface Holdings {
  /** From memory, else from the newest snapshot and the log after it. */
  load(aggregate: AnyAggregate, id: string): Promise<Held>;
  find(aggregate: AggregateName, id: string): Held | undefined;
  keep(aggregate: AnyAggregate, held: Held): void;
  /** After a refused or doubtful commit: what is held may be wrong. */
  drop(aggregate: AggregateName, id: string): void;
  /** Begins to save what is held now if that is due; nobody need wait for it. */
  saveWhenDue(aggregate: AnyAggregate, held: Held): void;
  /** Resolves when nothing is being saved any more; what is under way is given up. */
  close(): Promise<void>;
  readonly size: number;
}

export interface HoldingsOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aggregates in memory, and their estimated bytes, besides those that fold in place. */
  readonly heldMax: number;
  readonly heldBytesMax: number;
  /** Reads at once in the whole host: each has its time only where it need not share that with thousands. */
  readonly reads?: Window;
  /** Whether what is read is of no use to anybody any more. */
  readonly isOver?: () => boolean;
  /** Told of each commit that is read to fold it. */
  readonly onRead?: (commit: RecordedCommit) => void;
}

export function createHoldings(options: HoldingsOptions): Holdings {
  return new LimitedHoldings(options);
}

/** Whoever has the partition next reads for itself. */
class TenureOver extends OrreryError {
  override readonly name = 'TenureOver';
  readonly code = 'control.tenure-over';
  readonly isRetryable = true;
}

class LimitedHoldings implements Holdings {
  readonly #options: HoldingsOptions;
  readonly #cache: LRUCache<string, Held>;
  /** Large folds: there are few, each is made for the size it may have, and none is read again lightly. */
  readonly #large = new Map<string, Held>();
  /** Size of states by the revision at which they were measured. */
  readonly #sizes = new WeakMap<Held, { readonly revision: number; readonly bytes: number }>();
  readonly #savings = new Map<string, Promise<void>>();
  /** Characters of the newest snapshots that were written or read. */
  readonly #written = new WeakMap<Held, number>();
  #isClosed = false;

  constructor(options: HoldingsOptions) {
    this.#options = options;
    this.#cache = new LRUCache({ max: options.heldMax, maxSize: options.heldBytesMax });
  }

  get size(): number {
    return this.#cache.size + this.#large.size;
  }

  async load(aggregate: AnyAggregate, id: string): Promise<Held> {
    const known = this.find(aggregate.name, id);
    if (known !== undefined) return known;
    const { reads } = this.#options;
    await reads?.enter();
    try {
      const held = await this.#read(aggregate, id);
      this.keep(aggregate, held);
      return held;
    } finally {
      reads?.leave();
    }
  }

  find(aggregate: AggregateName, id: string): Held | undefined {
    const key = subjectKey(aggregate, id);
    return this.#large.get(key) ?? this.#cache.get(key);
  }

  keep(aggregate: AnyAggregate, held: Held): void {
    const key = subjectKey(aggregate.name, held.id);
    if (aggregate.foldsInPlace) this.#large.set(key, held);
    else this.#cache.set(key, held, { size: this.#sizeOf(aggregate, held) });
  }

  drop(aggregate: AggregateName, id: string): void {
    const key = subjectKey(aggregate, id);
    this.#large.delete(key);
    this.#cache.delete(key);
  }

  saveWhenDue(aggregate: AnyAggregate, held: Held): void {
    const key = subjectKey(aggregate.name, held.id);
    const large = (this.#written.get(held) ?? 0) / CHARACTERS_PER_COMMAND;
    if (held.unsavedCommands < Math.max(COMMANDS_PER_SNAPSHOT, large)) return;
    if (this.#isClosed || this.#savings.has(key)) return;
    // Also when it fails: it is tried again when as much has come again.
    held.unsavedCommands = 0;
    const saving = this.#save(aggregate, held).finally(() => this.#savings.delete(key));
    this.#savings.set(key, saving);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#savings.values());
  }

  async #save(aggregate: AnyAggregate, held: Held): Promise<void> {
    const { bus, logger } = this.#options;
    const { id, sequence } = held;
    const body = this.#whileOpen(linesOf(aggregate, held), held);
    try {
      await bus.snapshots.save(aggregate.name, id, { sequence, body });
    } catch (error) {
      if (this.#isClosed) return;
      logger.warn({ err: error, aggregate: aggregate.name, id }, 'a snapshot was not saved');
    }
  }

  /** @throws when nobody is interested any more: what is written so far is not in force. */
  *#whileOpen(lines: Iterable<string>, held: Held): Generator<string> {
    let characters = 0;
    for (const line of lines) {
      if (this.#isClosed) throw new Error('the tenure is over');
      characters += line.length;
      yield line;
    }
    this.#written.set(held, characters);
  }

  async #read(aggregate: AnyAggregate, id: string): Promise<Held> {
    const { bus } = this.#options;
    this.#goOn();
    if (aggregate.foldsInPlace) {
      const further = await this.#resume(aggregate, id);
      if (further !== undefined) return further;
    }
    const held = absent(aggregate, id);
    let commits = 0;
    for await (const commit of bus.log.read(aggregate.name, id)) {
      if (commits === COMMITS_BEFORE_SNAPSHOT && !aggregate.foldsInPlace) {
        const further = await this.#resume(aggregate, id);
        if (further !== undefined) return further;
      }
      commits += 1;
      this.#fold(aggregate, held, commit);
    }
    return held;
  }

  /**
   * From the newest snapshot and what came after it; undefined when there is none, or none that can be
   * believed: of another shape, or of a commit that is not the one in the log.
   */
  async #resume(aggregate: AnyAggregate, id: string): Promise<Held | undefined> {
    const { bus, clock, logger } = this.#options;
    const saved = await bus.snapshots.load(aggregate.name, id);
    if (saved === undefined) return undefined;
    const held = await heldFrom(aggregate, { id, ...saved }, async () => {
      this.#goOn();
      await clock.sleep(0);
    });
    const about = { aggregate: aggregate.name, id, sequence: saved.sequence };
    if (held === undefined) {
      logger.warn(about, 'a snapshot of another shape is not read');
      return undefined;
    }
    this.#written.set(held, saved.body.length);
    let isItsCommit: boolean | undefined;
    for await (const commit of bus.log.read(aggregate.name, id, saved.sequence - 1)) {
      if (isItsCommit === undefined) {
        isItsCommit = commit.sequence === saved.sequence && commit.hash === held.hash;
        if (!isItsCommit) break;
      } else this.#fold(aggregate, held, commit);
    }
    if (isItsCommit === true) return held;
    logger.warn(about, 'a snapshot does not stand for what is in the log');
    return undefined;
  }

  #fold(aggregate: AnyAggregate, held: Held, commit: RecordedCommit): void {
    this.#goOn();
    this.#options.onRead?.(commit);
    replay(aggregate, held, commit);
  }

  /** @throws {TenureOver} */
  #goOn(): void {
    if (this.#options.isOver?.() === true) throw new TenureOver('the tenure is over');
  }

  /** Measured again when the state has seen twice as many events, and a few more. */
  #sizeOf(aggregate: AnyAggregate, held: Held): number {
    const known = this.#sizes.get(held);
    const againAt = (known?.revision ?? 0) * 2 + EVENTS_BEFORE_MEASURED_AGAIN;
    if (known !== undefined && held.revision < againAt) return known.bytes;
    let characters = 0;
    for (const part of aggregate.serialise(held.state)) characters += JSON.stringify(part).length;
    const bytes = BYTES_BESIDES + Math.ceil(BYTES_PER_CHARACTER * characters);
    this.#sizes.set(held, { revision: held.revision, bytes });
    return bytes;
  }
}
