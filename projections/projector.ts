import type { Bus, Clock, Logger, RecordedCommit } from '@orrery/bus';
import { BusUnavailable, OrreryError, subjects } from '@orrery/bus';
import type { CommonQueryMethods } from 'slonik';
import { BackOff } from './back-off.ts';
import type { Batch } from './batch.ts';
import { type CommitSource, logSource } from './commit-source.ts';
import type { Database } from './database.ts';
import { LogMismatch } from './errors.ts';
import { Gate } from './gate.ts';
import { releaseLead, tryToLead } from './leadership.ts';
import { migrate } from './migration.ts';
import { migrations } from './migrations.ts';
import { Projection } from './projection.ts';
import type { ProjectorState } from './projector-state.ts';
import { rebuild } from './rebuild.ts';
import { type ProjectorAnswer, ProjectorRequest } from './report.ts';
import { type Checkpoint, RowStore } from './row-store.ts';

/** Commits of one transaction: what has arrived, up to so many. */
const COMMITS_MAX = 1_000;
/**
 * From the beginning of one transaction to that of the next, at least: a transaction costs as much as a
 * dozen of its commits, so after a crowded one it pays to let some gather. Who comes alone never waits.
 */
const BATCH_PERIOD_MS = 10;
/** The more commits a second, the more of them gather: up to here, and this many milliseconds for each. */
const BATCH_PERIOD_MS_MAX = 50;
const BATCH_PERIOD_MS_PER_RATE = 0.04;
const CROWD_COMMITS = 8;
/** How often an idle projector says how far it is, for those who came late. */
const NOTICE_PERIOD_MS = 2_000;
/** How often one that waits for another to end looks whether it has. */
const STANDBY_PERIOD_MS = 200;

export interface ProjectorOptions {
  readonly bus: Bus;
  readonly database: Database;
  /** For rebuilds, whose statements may take their time. */
  readonly maintenance: Database;
  readonly schema: string;
  /** All commits of the past, for rebuilds. Default: what the log holds. */
  readonly source?: CommitSource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly state: ProjectorState;
}

/**
 * Follows the log into the tables, answers requests to rebuild or verify them, and goes on through every
 * outage of the database or the bus, until the signal fires.
 * @throws {LogMismatch} when the tables were made from another log.
 * @throws {MigrationMismatch} when they were made by another version.
 */
export async function runProjector(options: ProjectorOptions, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const projector = new Projector(options, AbortSignal.any([signal, over.signal]));
  const parts = [projector.follow(), projector.answerRequests(), projector.sendNotices()];
  // One part that ends takes the others with it.
  const outcomes = await Promise.allSettled(parts.map((part) => part.finally(() => over.abort())));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

class Projector {
  readonly #options: ProjectorOptions;
  readonly #signal: AbortSignal;
  /** One at a time: a batch, or the moments in which a rebuild needs the tables to be still. */
  readonly #gate = new Gate();
  /** Undefined whenever what is remembered may not be what the tables hold. */
  #projection: Projection | undefined;
  /** `away`: the database or the bus does not answer. */
  #role: 'leader' | 'standby' | 'away' = 'away';

  constructor(options: ProjectorOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  async follow(): Promise<void> {
    const { clock, logger, state } = this.#options;
    const backOff = new BackOff(clock);
    while (!this.#signal.aborted) {
      try {
        await this.#followOnce(() => backOff.reset());
      } catch (error) {
        state.interrupted();
        if (error instanceof OrreryError && !error.isRetryable) throw error;
        if (this.#signal.aborted) return;
        logger.warn({ err: error }, 'the projector was interrupted and begins again');
        await backOff.wait(this.#signal);
      }
    }
  }

  async #followOnce(onProgress: () => void): Promise<void> {
    const { database, schema } = this.#options;
    await database.use(async (pool) => {
      await this.#gate.enter(() => migrate(pool, schema, migrations));
      await pool.connect(async (connection) => {
        if (!(await this.#becomeLeader(connection))) return;
        try {
          const store = new RowStore(connection, schema);
          await store.prepare();
          await this.#lead(store, onProgress);
        } finally {
          this.#role = 'away';
          this.#projection = undefined;
          await releaseLead(connection);
        }
      });
    });
  }

  /** Waits while another projector leads. False when the signal fired first. */
  async #becomeLeader(connection: CommonQueryMethods): Promise<boolean> {
    const { clock, schema, logger } = this.#options;
    while (!this.#signal.aborted) {
      if (await tryToLead(connection, schema)) {
        this.#role = 'leader';
        return true;
      }
      if (this.#role !== 'standby') logger.info('another projector is at work; this one waits');
      this.#role = 'standby';
      await clock.sleep(STANDBY_PERIOD_MS, this.#signal).catch(() => undefined);
    }
    return false;
  }

  /** From the checkpoint of the tables until the signal fires or something fails. */
  async #lead(store: RowStore, onProgress: () => void): Promise<void> {
    const { bus, clock, state } = this.#options;
    this.#projection = await Projection.resume(store);
    const { checkpoint } = this.#projection;
    const lastSequence = await bus.log.lastSequence();
    verifyEnd(lastSequence, checkpoint.sequence);
    state.resumed(checkpoint.sequence, lastSequence);
    this.#notify();
    const feed = bus.log.follow({
      afterSequence: Math.max(checkpoint.sequence - 1, 0),
      commitsMax: COMMITS_MAX,
      signal: this.#signal,
    });
    let lastBeganAtMs = clock.nowMs();
    for await (const commits of feed) {
      const beganAtMs = clock.nowMs();
      verifyStart(commits, checkpoint);
      await this.#gate.enter(() => this.#take(store, commits));
      onProgress();
      const periodMs = batchPeriodMs(commits.length, beganAtMs - lastBeganAtMs);
      lastBeganAtMs = beganAtMs;
      const leftMs = beganAtMs + periodMs - clock.nowMs();
      if (leftMs > 0 && leftMs <= periodMs)
        await clock.sleep(leftMs, this.#signal).catch(() => undefined);
    }
  }

  async #take(store: RowStore, commits: readonly RecordedCommit[]): Promise<void> {
    const { clock, state } = this.#options;
    const beganAtMs = clock.nowMs();
    this.#projection ??= await Projection.resume(store);
    const projection = this.#projection;
    const batch = await projection.take(commits);
    if (batch === undefined) return;
    this.#notify();
    state.projected(batch, clock.nowMs() - beganAtMs);
    this.#tellUnknownEvents(batch);
  }

  #tellUnknownEvents(batch: Batch): void {
    for (const { event, kind, id, at, type } of batch.events) {
      if (event !== undefined) continue;
      this.#options.logger.error(
        { kind, id, type, revision: at.revision, sequence: at.sequence },
        'an event of an unknown shape is passed over',
      );
    }
  }

  #notify(): void {
    const sequence = this.#projection?.checkpoint.sequence;
    if (sequence !== undefined) this.#options.bus.live.publish(subjects.projected, { sequence });
  }

  /** Also looks at the end of the log: an older store may have been put under a running bus. */
  async sendNotices(): Promise<void> {
    const { clock, bus, state } = this.#options;
    while (!this.#signal.aborted) {
      await clock.sleep(NOTICE_PERIOD_MS, this.#signal).catch(() => undefined);
      const sequence = this.#projection?.checkpoint.sequence;
      if (this.#signal.aborted || sequence === undefined) continue;
      this.#notify();
      const lastSequence = await bus.log.lastSequence().catch((error: unknown) => {
        if (error instanceof BusUnavailable) return undefined;
        throw error;
      });
      if (lastSequence === undefined) continue;
      verifyEnd(lastSequence, sequence);
      state.logSequence = lastSequence;
    }
  }

  async answerRequests(): Promise<void> {
    const { live } = this.#options.bus;
    for await (const { body, replyTo } of live.subscribe(subjects.projector, this.#signal)) {
      // The one that leads answers.
      if (this.#role === 'standby') continue;
      const answer = await this.#answer(body);
      if (replyTo !== undefined) live.publish(replyTo, answer);
    }
  }

  /** What is remembered may be of tables that another set has replaced. */
  #holdStill<Value>(work: () => Promise<Value>): Promise<Value> {
    return this.#gate.enter(async () => {
      try {
        return await work();
      } finally {
        this.#projection = undefined;
      }
    });
  }

  async #answer(body: unknown): Promise<ProjectorAnswer> {
    const request = ProjectorRequest.safeParse(body);
    if (!request.success) {
      const message = 'a request to the projector names the operation rebuild or verify';
      return { ok: false, error: { code: 'request-invalid', message } };
    }
    if (this.#role === 'away') {
      const message = 'the projector cannot reach its database or the bus';
      return { ok: false, error: { code: 'projector-unavailable', message } };
    }
    const { maintenance: database, schema, clock, logger, bus } = this.#options;
    const { operation } = request.data;
    logger.info({ operation }, 'the tables are built again');
    try {
      const { source = logSource(bus.log, clock) } = this.#options;
      const holdStill = this.#holdStill.bind(this);
      const signal = this.#signal;
      const value = await rebuild(
        { source, database, schema, clock, holdStill, signal },
        operation,
      );
      logger.info({ operation, ...value }, 'the tables were built again');
      return { ok: true, value };
    } catch (error) {
      logger.error({ err: error, operation }, 'the tables could not be built again');
      const message = error instanceof Error ? error.message : String(error);
      return { ok: false, error: { code: 'rebuild-failed', message } };
    }
  }
}

/** How long the next transaction waits for company, after one of so many commits that came in `sinceMs`. */
export function batchPeriodMs(commits: number, sinceMs: number): number {
  if (commits < CROWD_COMMITS) return 0;
  const commitsPerSecond = (commits * 1000) / Math.max(sinceMs, 1);
  const wantedMs = commitsPerSecond * BATCH_PERIOD_MS_PER_RATE;
  return Math.min(Math.max(wantedMs, BATCH_PERIOD_MS), BATCH_PERIOD_MS_MAX);
}

/** The log must hold, at the checkpoint, the very commit that the tables hold; unless it was archived. */
function verifyStart(commits: readonly RecordedCommit[], checkpoint: Checkpoint): void {
  const commit = commits.find(({ sequence }) => sequence === checkpoint.sequence);
  if (commit === undefined || commit.hash === checkpoint.hash) return;
  throw new LogMismatch(
    `the commit at ${checkpoint.sequence} of the log is not the one that the projections hold: it is another log`,
  );
}

function verifyEnd(lastSequence: number, projectedSequence: number): void {
  if (lastSequence >= projectedSequence) return;
  throw new LogMismatch(
    `the projections hold events up to ${projectedSequence}, but the log ends at ${lastSequence}: it is an older or another log`,
  );
}
