import type { RecordedCommit } from '@orrery/bus';
import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';
import { type Batch, foldBatch, missingIds, parseBatch, rowsOf } from './batch.ts';
import type { CopyConnection } from './copy-connection.ts';
import { emptyFolded, emptyIds, type Folded, isEnded, KINDS, type Kind } from './folded.ts';
import type { Checkpoint, RowStore } from './row-store.ts';
import type { TableRows } from './row-writing.ts';
import type { AuditRow } from './rows.ts';
import { tables } from './tables.ts';

/** Rows of one statement: some 1 MiB. */
const PART_ROWS_MAX = 1_000;
/** Without these a state that was forgotten is not found again. */
const NEEDED_INDEXES = ['kernels_session_id_local_rank_idx', 'allocations_session_id_idx'];

export interface BuilderOptions {
  readonly connection: CommonQueryMethods;
  readonly store: RowStore;
  readonly copying: CopyConnection;
  readonly schema: string;
  readonly limits?: Limits;
}

interface Limits {
  readonly auditRowsMax: number;
  readonly statesMax: number;
}

const LIMITS: Limits = {
  /** Rows of the audit that are held until they are written: some 1 KiB each. */
  auditRowsMax: 2_000,
  /** Folded states of a kind that are held until they are written: some 3 KiB each. */
  statesMax: 20_000,
};

/**
 * Fills empty tables that nobody reads yet. What a batch changes is held back until the state is over or
 * memory is needed, so most rows are written once; and it is written while the next commits are folded.
 * After a failure the tables are of no use.
 */
export class TableBuilder {
  readonly #options: BuilderOptions;
  readonly #limits: Limits;
  readonly #folded: Folded = emptyFolded();
  /** Ids of states that differ from the tables, and of those that the tables hold in some version. */
  readonly #dirty = emptyIds();
  readonly #stored = emptyIds();
  #audit: AuditRow[] = [];
  #writing: Promise<void> = Promise.resolve();
  #indexes: readonly string[] = [];
  #checkpoint: Checkpoint = { sequence: 0, hash: '' };
  #events = 0;

  constructor(options: BuilderOptions) {
    this.#options = options;
    this.#limits = options.limits ?? LIMITS;
  }

  get checkpoint(): Checkpoint {
    return this.#checkpoint;
  }

  get events(): number {
    return this.#events;
  }

  /** Takes the indexes away that are made quicker in the end. */
  async begin(): Promise<void> {
    const { connection, schema } = this.#options;
    const indexes = await connection.any(
      sql.type(Index)`
        SELECT indexname AS name, indexdef AS definition FROM pg_indexes
        WHERE schemaname = ${schema} AND indexname NOT LIKE '%_pkey'
          AND indexname <> ALL(${sql.array(NEEDED_INDEXES, 'text')})`,
    );
    for (const { name } of indexes)
      await connection.query(sql.unsafe`DROP INDEX ${sql.identifier([schema, name])}`);
    this.#indexes = indexes.map(({ definition }) => definition);
  }

  /** Makes the indexes and the statistics. More may be taken after it. */
  async complete(): Promise<void> {
    await this.settle();
    const { connection, schema } = this.#options;
    for (const definition of this.#indexes)
      await connection.query({ ...sql.unsafe`SELECT`, sql: definition });
    for (const { name } of Object.values(tables))
      await connection.query(sql.unsafe`ANALYZE ${sql.identifier([schema, name])}`);
    this.#indexes = [];
  }

  /** Commits in the order of the log; those that were taken are passed over. */
  async take(commits: readonly RecordedCommit[]): Promise<void> {
    const ahead = commits.filter(({ sequence }) => sequence > this.#checkpoint.sequence);
    if (ahead.length === 0) return;
    const batch = parseBatch(ahead);
    await this.#load(batch);
    foldBatch(this.#folded, batch);
    for (const { kind, id } of batch.events) this.#dirty[kind].add(id);
    for (const row of batch.audit) this.#audit.push(row);
    this.#checkpoint = { sequence: batch.sequence, hash: batch.hash };
    for (const { events } of ahead) this.#events += events.length;
    if (this.#audit.length >= this.#limits.auditRowsMax) await this.#write(this.#auditRows());
    if (this.#isFull) await this.#writeStates();
  }

  /** Writes all that was taken, and the checkpoint. */
  async settle(): Promise<void> {
    await this.#write(this.#auditRows());
    await this.#writeStates();
    await this.#writing;
    await this.#options.store.put(this.#checkpoint);
  }

  async #load(batch: Batch): Promise<void> {
    for (const kind of KINDS) {
      const missing = missingIds(this.#folded, batch, kind);
      if (missing.length === 0) continue;
      await this.#writing;
      await this.#options.store.load(this.#folded, kind, missing);
      for (const id of missing) if (this.#folded[kind].has(id)) this.#stored[kind].add(id);
    }
  }

  get #isFull(): boolean {
    return KINDS.some((kind) => this.#folded[kind].size > this.#limits.statesMax);
  }

  #auditRows(): readonly TableRows[] {
    const rows = this.#audit;
    this.#audit = [];
    return [{ table: tables.audit, rows }];
  }

  async #writeStates(): Promise<void> {
    const fresh = emptyIds();
    const known = emptyIds();
    for (const kind of KINDS) {
      for (const id of this.#dirty[kind]) {
        if (!this.#folded[kind].has(id)) continue;
        (this.#stored[kind].has(id) ? known : fresh)[kind].add(id);
        this.#stored[kind].add(id);
      }
      this.#dirty[kind].clear();
    }
    const rows = { fresh: rowsOf(this.#folded, fresh), known: rowsOf(this.#folded, known) };
    for (const kind of KINDS) this.#forget(kind);
    await this.#write(rows.fresh, rows.known);
  }

  /** Everything is written, or is about to be: first what is over goes, then the oldest. */
  #forget(kind: Kind): void {
    const states = this.#folded[kind];
    const drop = (id: string): void => {
      states.delete(id);
      this.#stored[kind].delete(id);
    };
    for (const id of states.keys()) if (isEnded(this.#folded, kind, id)) drop(id);
    for (const id of states.keys()) {
      if (states.size <= this.#limits.statesMax / 2) return;
      drop(id);
    }
  }

  /** Waits for the writing before, not for this one. */
  async #write(fresh: readonly TableRows[], known: readonly TableRows[] = []): Promise<void> {
    await this.#writing;
    this.#writing = this.#writeNow(fresh, known);
    // Whoever waits for it next is told.
    this.#writing.catch(() => {});
  }

  async #writeNow(fresh: readonly TableRows[], known: readonly TableRows[]): Promise<void> {
    const { copying, store } = this.#options;
    for (const part of partsOf(fresh)) {
      const isCopied = await copying.copy(part.table, part.rows);
      if (!isCopied) await store.insert(part);
    }
    for (const part of partsOf(known)) await store.insert(part);
  }
}

/** Rows in parts of which none keeps the process from its other work for long. */
function* partsOf(all: readonly TableRows[]): Generator<TableRows> {
  for (const { table, rows } of all)
    for (let at = 0; at < rows.length; at += PART_ROWS_MAX)
      yield { table, rows: rows.slice(at, at + PART_ROWS_MAX) };
}

const Index = z.object({ name: z.string(), definition: z.string() });
