import {
  type Bus,
  createLogger,
  type LiveChannel,
  type RecordedCommit,
  subjects,
  systemClock,
} from '@orrery/bus';
import { openProjections, type Projections } from '@orrery/projections';
import pg from 'pg';
import { createMemoryBroker, type MemoryBroker } from '../../../bus/memory/memory-bus.ts';
import { Database } from '../../../projections/database.ts';
import { runProjector } from '../../../projections/projector.ts';
import { ProjectorState } from '../../../projections/projector-state.ts';
import { tables } from '../../../projections/tables.ts';
import { unrecorded } from '../../unit/projections/log-book.ts';

const WITHIN_MS = 20_000;

/** Appends hand-written commits to a log. */
export class Writer {
  readonly #bus: Bus;
  readonly #sequences = new Map<string, number>();
  lastSequence = 0;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  async append(commits: readonly RecordedCommit[]): Promise<number> {
    for (const commit of commits) {
      const place = `${commit.aggregate}.${commit.aggregateId}`;
      const expected = this.#sequences.get(place) ?? 0;
      const { sequence } = await this.#bus.log.append(unrecorded(commit), expected);
      this.#sequences.set(place, sequence);
      this.lastSequence = sequence;
    }
    return this.lastSequence;
  }
}

export interface RunningProjector {
  readonly state: ProjectorState;
  /** Rejects when the projector gave up. */
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

/** A projector inside this process. */
export function startProjector(options: {
  readonly bus: Bus;
  readonly url: string;
  readonly schema: string;
}): RunningProjector {
  const { bus, url, schema } = options;
  const stop = new AbortController();
  const state = new ProjectorState(() => {});
  const clock = systemClock;
  const database = new Database({ url, clock, connectionsMax: 2 });
  const maintenance = new Database({ url, clock, connectionsMax: 2 });
  const logger = createLogger({
    name: 'test',
    level: process.env['VERBOSE'] === undefined ? 'silent' : 'debug',
  });
  const run = async (): Promise<void> => {
    await using _database = database;
    await using _maintenance = maintenance;
    const options = { bus, database, maintenance, schema, clock, logger, state };
    await runProjector(options, stop.signal);
  };
  const done = run();
  done.catch(() => {});
  return {
    state,
    done,
    stop: async () => {
      stop.abort();
      await done;
    },
  };
}

/** Resolves when the projector has said that it holds everything up to `sequence`. */
export async function projected(live: LiveChannel, sequence: number): Promise<void> {
  const deadline = AbortSignal.timeout(WITHIN_MS);
  for await (const { body } of live.subscribe(subjects.projected, deadline)) {
    if (Number(new Map(Object.entries(Object(body))).get('sequence')) >= sequence) return;
  }
  throw new Error(`${sequence} was not projected in time`);
}

/** All rows of all tables of a schema as text, in the order of their keys. */
export async function dump(url: string, schema: string): Promise<Record<string, unknown[]>> {
  const dumped: Record<string, unknown[]> = {};
  for (const { name, key } of Object.values(tables)) {
    const query = `SELECT t::text AS row FROM ${schema}.${name} AS t ORDER BY ${key}`;
    dumped[name] = [...(await execute(url, query))];
  }
  return dumped;
}

export async function execute(url: string, statement: string): Promise<readonly unknown[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

/** A bus in memory, a schema of its own, a projector and the read side over them. */
export class Stage implements AsyncDisposable {
  static #count = 0;
  readonly url: string;
  readonly schema = `stage_${process.pid}_${Stage.#count++}`;
  readonly broker: MemoryBroker = createMemoryBroker({ clock: systemClock });
  readonly bus = this.broker.connect();
  readonly writer = new Writer(this.bus);
  readonly projections: Projections;
  projector: RunningProjector;

  constructor(url: string) {
    this.url = url;
    this.projector = this.start();
    this.projections = openProjections(url, { schema: this.schema });
  }

  start(): RunningProjector {
    this.projector = startProjector({ bus: this.bus, url: this.url, schema: this.schema });
    return this.projector;
  }

  /** Appends, and waits until it is projected. */
  async take(commits: readonly RecordedCommit[]): Promise<void> {
    const waiting = projected(this.bus.live, this.writer.lastSequence + commits.length);
    await this.writer.append(commits);
    await waiting;
  }

  dump(): Promise<Record<string, unknown[]>> {
    return dump(this.url, this.schema);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.projector.stop();
    await this.projections[Symbol.asyncDispose]();
    await this.bus[Symbol.asyncDispose]();
    this.broker[Symbol.dispose]();
    await execute(this.url, `DROP SCHEMA IF EXISTS ${this.schema} CASCADE`);
  }
}
