import { type Clock, readTlsFiles, type TlsFiles } from '@orrery/bus';
import { createPgDriverFactory } from '@slonik/pg-driver';
import {
  BackendTerminatedError,
  BackendTerminatedUnexpectedlyError,
  ConnectionError,
  createPool,
  type DatabasePool,
  type Interceptor,
  type QueryResultRow,
  SchemaValidationError,
} from 'slonik';
import { ProjectionsRefused, ProjectionsUnavailable } from './errors.ts';

export const DEFAULT_SCHEMA = 'orrery';

const CONNECT_MS_MAX = 5_000;
const STATEMENT_MS_MAX = 60_000;
const IDLE_MS_MAX = 300_000;

/** Where the database is; with `ssl` (PEM texts) only over TLS. */
export interface DatabasePlace {
  readonly url: string;
  readonly ssl?: ReturnType<typeof readTlsFiles> | undefined;
}

export interface DatabaseOptions {
  readonly url: string;
  /** Present: only over TLS. */
  readonly tls?: TlsFiles | undefined;
  readonly clock: Clock;
  readonly connectionsMax: number;
  /** Default one minute. */
  readonly statementMsMax?: number | undefined;
}

/**
 * A pool of connections that is made when first needed, and again when that failed.
 * @throws {SettingsInvalid} when a file of `tls` cannot be read.
 */
export class Database implements AsyncDisposable {
  readonly clock: Clock;
  readonly #options: DatabaseOptions;
  readonly #ssl: DatabasePlace['ssl'];
  #pool: Promise<DatabasePool> | undefined;

  constructor(options: DatabaseOptions) {
    this.clock = options.clock;
    this.#options = options;
    this.#ssl = options.tls === undefined ? undefined : readTlsFiles('postgres.tls', options.tls);
  }

  /** For a connection beside the pool. */
  get place(): DatabasePlace {
    return { url: this.#options.url, ssl: this.#ssl };
  }

  /** Once. @throws {ProjectionsUnavailable} @throws {ProjectionsRefused} */
  async use<Value>(work: (pool: DatabasePool) => Promise<Value>): Promise<Value> {
    try {
      return await work(await this.#open());
    } catch (cause) {
      const refusal = findRefusal(cause);
      if (refusal !== undefined) throw new ProjectionsRefused(refusal, { cause });
      if (isUnavailable(cause)) throw new ProjectionsUnavailable({ cause });
      throw cause;
    }
  }

  /** Again and again for `READ_MS_MAX` while the database is away. @throws {ProjectionsUnavailable} */
  async read<Value>(query: (pool: DatabasePool) => Promise<Value>): Promise<Value> {
    const deadlineMs = this.clock.nowMs() + READ_MS_MAX;
    for (let delayMs = RETRY_DELAY_MS; ; delayMs = Math.min(delayMs * 2, RETRY_DELAY_MS_MAX)) {
      try {
        return await this.use(query);
      } catch (error) {
        const isLate = this.clock.nowMs() + delayMs > deadlineMs;
        if (!(error instanceof ProjectionsUnavailable) || isLate) throw error;
      }
      await this.clock.sleep(delayMs);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const pool = await this.#pool?.catch(() => undefined);
    this.#pool = undefined;
    await pool?.end();
  }

  #open(): Promise<DatabasePool> {
    if (this.#pool !== undefined) return this.#pool;
    const { url, connectionsMax, statementMsMax = STATEMENT_MS_MAX } = this.#options;
    const pool = createPool(url, {
      driverFactory: createPgDriverFactory(),
      ...(this.#ssl === undefined ? {} : { ssl: this.#ssl }),
      interceptors: [rowParser],
      // Every whole number that is stored has been a number of JavaScript before.
      typeParsers: [{ name: 'int8', parse: Number }],
      maxPoolSize: connectionsMax,
      connectionRetryLimit: 0,
      connectionTimeout: CONNECT_MS_MAX,
      statementTimeout: statementMsMax,
      idleTimeout: IDLE_MS_MAX,
      // Nothing is left behind on a connection, so nothing has to be cleared with a further round trip.
      resetConnection: async () => {},
    });
    this.#pool = pool;
    pool.then(
      // A connection that breaks while it is idle is replaced; whoever uses it is told by the query.
      (opened) => opened.on('error', () => {}),
      () => {
        this.#pool = undefined;
      },
    );
    return pool;
  }
}

const READ_MS_MAX = 10_000;
const RETRY_DELAY_MS = 25;
const RETRY_DELAY_MS_MAX = 500;

/** Rows are parsed by the schema of their query. */
const rowParser: Interceptor = {
  name: 'row-parser',
  transformRow: ({ resultParser }, query, row) => {
    if (resultParser === undefined) return row;
    const parsed = resultParser['~standard'].validate(row);
    if (parsed instanceof Promise) throw new Error('a row parser must not be asynchronous');
    if (parsed.issues !== undefined) {
      throw new SchemaValidationError(query, row, [...parsed.issues]);
    }
    return parsed.value as QueryResultRow;
  },
};

/** Connections that break or are refused, a server that starts or stops, tables that are not made yet. */
const UNAVAILABLE_CODES = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN'],
  ...['57P01', '57P02', '57P03', '53300', '08000', '08001', '08003', '08004', '08006'],
  ...['42P01', '3F000'],
]);

/** Wrong password, no such user, database or right to connect; and certificates that do not hold. */
const REFUSED =
  /^(28P01|28000|3D000|42501|ERR_TLS_.*|ERR_SSL_.*|CERT_.*|UNABLE_TO_.*|DEPTH_ZERO_.*|SELF_SIGNED_.*)$/;

/** What the server says when no other try would end differently. */
function findRefusal(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string' && REFUSED.test(error.code))
    return error.message;
  if (error.message === 'The server does not support SSL connections') return error.message;
  return findRefusal(error.cause);
}

function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof ConnectionError || error instanceof BackendTerminatedError) return true;
  if (error instanceof BackendTerminatedUnexpectedlyError) return true;
  if ('code' in error && typeof error.code === 'string' && UNAVAILABLE_CODES.has(error.code))
    return true;
  return isConnectionBreak(error) || isUnavailable(error.cause);
}

/** The driver has no class and no code for these. */
function isConnectionBreak(error: Error): boolean {
  return /^(Connection terminated|timeout expired|Client (was closed|has encountered))/.test(
    error.message,
  );
}
