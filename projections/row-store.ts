import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';
import type { Batch, Folded, Kind, TableRows } from './batch.ts';
import { CheckpointMoved } from './errors.ts';
import type { AllocationRow } from './rows.ts';
import { columnsOf, qualified, upsert } from './table-sql.ts';
import { type Table, tables } from './tables.ts';

/** How far the tables are: the log sequence and hash of the newest commit in them; 0 and empty at first. */
export interface Checkpoint {
  readonly sequence: number;
  readonly hash: string;
}
/** A statement's name has 63 characters at most, so tables stand in it by number. */
const TABLE_NAMES = Object.values(tables).map(({ name }) => name);
const Count = z.object({ count: z.int() });
const Checkpoint = z.object({ sequence: z.int(), hash: z.string() });

/** The tables of one schema, as the projector loads and writes them. */
export class RowStore {
  readonly #connection: CommonQueryMethods;
  readonly #schema: string;

  constructor(connection: CommonQueryMethods, schema: string) {
    this.#connection = connection;
    this.#schema = schema;
  }

  checkpoint(): Promise<Checkpoint> {
    return this.#connection.one(
      sql.type(Checkpoint)`SELECT sequence, hash FROM ${this.#checkpointTable}`,
    );
  }

  /** Puts the states of these ids that the tables hold into `folded`. */
  async load(folded: Folded, kind: Kind, ids: readonly string[]): Promise<void> {
    switch (kind) {
      case 'session':
        return this.#loadSessions(folded, ids);
      case 'scheduling':
        return this.#loadScheduling(folded, ids);
      case 'node':
        return fill(folded.node, await this.#rows(tables.nodes, 'id', ids), ({ id }) => id);
      case 'image':
        return fill(folded.image, await this.#rows(tables.images, 'id', ids), ({ id }) => id);
      case 'user':
        return fill(folded.user, await this.#rows(tables.users, 'id', ids), ({ id }) => id);
      case 'keypair': {
        const rows = await this.#rows(tables.keypairs, 'access_key', ids);
        return fill(folded.keypair, rows, ({ accessKey }) => accessKey);
      }
      default:
        return kind satisfies never;
    }
  }

  /**
   * Writes the rows and moves the checkpoint, in one statement: all of it or nothing.
   * @throws {CheckpointMoved} when the checkpoint was not at `from`; nothing was written.
   */
  async write(changes: readonly TableRows[], from: Checkpoint, to: Checkpoint): Promise<void> {
    const isMoved = sql.fragment`EXISTS (SELECT FROM moved)`;
    const writes = changes.map(
      ({ table, rows }) =>
        sql.fragment`${sql.identifier([`write_${table.name}`])} AS (
          ${upsert({ schema: this.#schema, table }, rows, isMoved)})`,
    );
    const moved = sql.fragment`moved AS (
      UPDATE ${this.#checkpointTable} SET sequence = ${to.sequence}, hash = ${to.hash}
      WHERE sequence = ${from.sequence} RETURNING true)`;
    const parts = sql.join([moved, ...writes], sql.fragment`, `);
    // The text depends on nothing but the tables, so it is planned once a connection.
    const name = `write ${changes.map(({ table }) => TABLE_NAMES.indexOf(table.name)).join(' ')}`;
    const count = await this.#connection.oneFirst(
      sql.prepared(name, Count)`WITH ${parts} SELECT count(*) AS count FROM moved`,
    );
    if (count !== 1) throw new CheckpointMoved(from.sequence);
  }

  get #checkpointTable() {
    return qualified(this.#schema, { name: 'checkpoint' });
  }

  #rows<Row extends object>(
    table: Table<Row>,
    column: string,
    ids: readonly string[],
  ): Promise<readonly Row[]> {
    return this.#connection.any(
      sql.type(table.row)`
        SELECT ${columnsOf(table, 't')} FROM ${qualified(this.#schema, table)} AS t
        WHERE ${sql.identifier(['t', column])} = ANY(${sql.array(ids, 'text')})`,
    );
  }

  async #loadSessions(folded: Folded, ids: readonly string[]): Promise<void> {
    const sessions = await this.#rows(tables.sessions, 'id', ids);
    const kernels = Map.groupBy(
      await this.#rows(tables.kernels, 'session_id', ids),
      ({ sessionId }) => sessionId,
    );
    for (const session of sessions) {
      const own = kernels.get(session.id) ?? [];
      folded.session.set(session.id, {
        session,
        kernels: own.toSorted((left, right) => left.localRank - right.localRank),
      });
    }
  }

  async #loadScheduling(folded: Folded, ids: readonly string[]): Promise<void> {
    const queue = await this.#rows(tables.queue, 'session_id', ids);
    const allocations = await this.#rows(tables.allocations, 'session_id', ids);
    const bySession = Map.groupBy(allocations, ({ sessionId }) => sessionId);
    const none: readonly AllocationRow[] = [];
    for (const id of bySession.keys()) {
      folded.scheduling.set(id, { queue: undefined, allocations: bySession.get(id) ?? none });
    }
    for (const row of queue) {
      const { sessionId } = row;
      folded.scheduling.set(sessionId, {
        queue: row,
        allocations: bySession.get(sessionId) ?? none,
      });
    }
  }
}

function fill<Row>(
  states: Map<string, Row>,
  rows: readonly Row[],
  idOf: (row: Row) => string,
): void {
  for (const row of rows) states.set(idOf(row), row);
}

/** What a batch leaves as the checkpoint. */
export function checkpointOf({ sequence, hash }: Batch): Checkpoint {
  return { sequence, hash };
}
