import { type CommonQueryMethods, type QuerySqlToken, sql } from 'slonik';
import { z } from 'zod';
import type { Batch } from './batch.ts';
import { CheckpointMoved } from './errors.ts';
import type { Folded, Kind } from './folded.ts';
import { parametersOf, type RowWrite, type TableRows, writingPart } from './row-writing.ts';
import type { AllocationRow } from './rows.ts';
import { columnsOf, qualified } from './table-sql.ts';
import { type Table, tables } from './tables.ts';

/** How far the tables are: the log sequence and hash of the newest commit in them; 0 and empty at first. */
export interface Checkpoint {
  readonly sequence: number;
  readonly hash: string;
}
/** A statement's name has 63 characters at most, so tables stand in it by number. */
const TABLE_NAMES = Object.values(tables).map(({ name }) => name);
/** Statements that stay planned: as many as there are usual mixtures of rows in a batch. */
const STATEMENTS_MAX = 64;

/**
 * Rows that a crash of the server takes back are made again from the log, so nothing waits for the disk.
 * Statistics of a young table make the planner read all of it; every row is found by its key.
 */
const CONNECTION_SETTINGS = {
  synchronous_commit: 'off',
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  jit: 'off',
} as const;

const Count = z.object({ count: z.int() });
type Statement = QuerySqlToken<typeof Count>;
const Checkpoint = z.object({ sequence: z.int(), hash: z.string() });

/** The tables of one schema, as the projector loads and writes them. */
export class RowStore {
  readonly #connection: CommonQueryMethods;
  readonly #schema: string;
  readonly #statements = new Map<string, Statement>();

  constructor(connection: CommonQueryMethods, schema: string) {
    this.#connection = connection;
    this.#schema = schema;
  }

  /** Makes the connection one for writing; once, before the first batch. */
  async prepare(): Promise<void> {
    for (const [name, value] of Object.entries(CONNECTION_SETTINGS))
      await this.#connection.query(sql.unsafe`SELECT set_config(${name}, ${value}, false)`);
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
      case 'registry':
        return fill(
          folded.registry,
          await this.#rows(tables.registries, 'id', ids),
          ({ id }) => id,
        );
      case 'preset':
        return fill(folded.preset, await this.#rows(tables.presets, 'id', ids), ({ id }) => id);
      case 'domain':
        return fill(folded.domain, await this.#rows(tables.domains, 'id', ids), ({ id }) => id);
      case 'project':
        return fill(folded.project, await this.#rows(tables.projects, 'id', ids), ({ id }) => id);
      case 'policy':
        return fill(folded.policy, await this.#rows(tables.policies, 'id', ids), ({ id }) => id);
      case 'group': {
        const rows = await this.#rows(tables.resourceGroups, 'name', ids);
        return fill(folded.group, rows, ({ name }) => name);
      }
      case 'limits':
        return fill(folded.limits, await this.#rows(tables.limits, 'id', ids), ({ id }) => id);
      default:
        return kind satisfies never;
    }
  }

  /**
   * Writes the rows and moves the checkpoint, in one statement: all of it or nothing.
   * @throws {CheckpointMoved} when the checkpoint was not at `from`; nothing was written.
   */
  async write(writes: readonly RowWrite[], from: Checkpoint, to: Checkpoint): Promise<void> {
    const count = await this.#connection.oneFirst({
      ...this.#statementOf(writes),
      values: [to.sequence, to.hash, from.sequence, ...writes.flatMap(parametersOf)],
    });
    if (count !== 1) throw new CheckpointMoved(from.sequence);
  }

  /** Writes rows without moving the checkpoint: of tables that nobody reads yet. */
  async insert({ table, rows }: TableRows): Promise<void> {
    const place = { schema: this.#schema, table, mode: 'insert' as const };
    const statement = sql.unsafe`${writingPart(place, sql.fragment`TRUE`)}`;
    await this.#connection.query({ ...statement, values: [...parametersOf({ ...place, rows })] });
  }

  /** Sets the checkpoint of such tables. */
  async put({ sequence, hash }: Checkpoint): Promise<void> {
    await this.#connection.query(sql.unsafe`
      UPDATE ${this.#checkpointTable} SET sequence = ${sequence}, hash = ${hash}`);
  }

  /** Its text depends on nothing but what is written where, so it is composed and planned once. */
  #statementOf(writes: readonly RowWrite[]): Statement {
    const parts = writes.map(
      ({ table, mode }) => `${mode[0]}${TABLE_NAMES.indexOf(table.name).toString(36)}`,
    );
    const name = `write ${parts.join('')}`;
    const known = this.#statements.get(name);
    if (known !== undefined) return known;
    const isKept = this.#statements.size < STATEMENTS_MAX;
    const tag = isKept ? sql.prepared(name, Count) : sql.type(Count);
    const statement = tag`
      WITH moved AS (
        UPDATE ${this.#checkpointTable} SET sequence = ${0}, hash = ${''}
        WHERE sequence = ${0} RETURNING true
      )${sql.join(this.#partsOf(writes), sql.fragment``)}
      SELECT count(*) AS count FROM moved`;
    if (isKept) this.#statements.set(name, statement);
    return statement;
  }

  #partsOf(writes: readonly RowWrite[]) {
    const isMoved = sql.fragment`EXISTS (SELECT FROM moved)`;
    return writes.map(({ table, mode }) => {
      const part = writingPart({ schema: this.#schema, table, mode }, isMoved);
      return sql.fragment`, ${sql.identifier([`${mode}_${table.name}`])} AS (${part})`;
    });
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
