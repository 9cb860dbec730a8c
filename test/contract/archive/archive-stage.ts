import {
  ArchiveUnavailable,
  type AuditReport,
  type Bus,
  BusUnavailable,
  type Commit,
  createLogger,
  createMemoryBroker,
  type EventLog,
  type LogMessage,
  type MemoryBroker,
  type SegmentStore,
  SimulatedClock,
  verifyArchivedLog,
  type Witness,
  withArchive,
} from '@orrery/bus';
import * as assert from 'uvu/assert';
import { archiveAggregate } from '../../../actors/archive/aggregate.ts';
import { openArchive } from '../../../actors/control/archive.ts';
import { type Host, startHost } from '../../../actors/runtime/host.ts';
import { schedulerAggregate } from '../../../actors/scheduler/aggregate.ts';
import { sessionAggregate } from '../../../actors/session/aggregate.ts';
import { LogBook, lifeOf, timeOf, unrecorded } from '../../unit/projections/log-book.ts';
import { chainedCommits, hashOf } from '../audit/written-log.ts';
import { MemorySegments } from './memory-segments.ts';

const DAY_MS = 86_400_000;
const LEASE_MS = 2_000;
/** Real time that anything here may take. */
const PATIENCE_MS = 20_000;

export const commits = chainedCommits();
/** The scheduler's commits up to this place of its own count lie behind its snapshot. */
const SNAPSHOT_COMMITS = 5;
const ABSENT = { sequence: 0, hash: '' };
export const logger = createLogger({ name: 'test', level: 'silent' });

export interface Control {
  readonly host: Host;
  readonly bus: Bus;
  stop(): Promise<void>;
}

/** When a process dies: at the nth thing it does to the world, before or after it has done it. */
export interface Crash {
  readonly at: number;
  readonly when: 'before' | 'after';
}

/** A log whose commits are older than the horizon, and control hosts that archive it. */
export class ArchiveStage {
  readonly clock = new SimulatedClock(timeOf(commits.length) + 3 * DAY_MS);
  readonly broker: MemoryBroker = createMemoryBroker({ clock: this.clock, partitions: 2 });
  readonly bus: Bus = this.broker.connect();
  readonly store = new MemorySegments();
  /** What the projections saw of the log. */
  readonly witnesses: Witness[] = [];
  original: readonly LogMessage[] = [];
  /** What hosts did to the world so far. */
  deeds = 0;

  async fill(change: (commit: Commit) => Commit | undefined = (commit) => commit): Promise<void> {
    const heads = new Map<string, { readonly sequence: number; readonly hash: string }>();
    let schedulings = 0;
    for (const written of commits) {
      const commit = change(written);
      if (commit === undefined) continue;
      const key = `${commit.aggregate}.${commit.aggregateId}`;
      const head = heads.get(key) ?? ABSENT;
      // The commands behind them lay in an inbox that is empty now.
      const chained = { ...commit, inboxSequence: 0, previousHash: head.hash };
      const place = await this.bus.log.append(chained, head.sequence);
      const { sequence } = place;
      heads.set(key, place);
      if (commit.aggregate !== 'scheduler') continue;
      schedulings += 1;
      if (schedulings === SNAPSHOT_COMMITS)
        await this.bus.snapshots.save('scheduler', 'main', { sequence, body: '{}' });
    }
    this.original = await messagesOf(this.bus.log);
    await this.witness();
  }

  /** More sessions that come to their end, and two days in which the archiver runs again. */
  async fillMore(names: readonly string[]): Promise<void> {
    const book = new LogBook('more');
    for (const name of names) for (const step of lifeOf(name)) step(book);
    const heads = new Map<string, { readonly sequence: number; readonly hash: string }>();
    for (const recorded of book.commits) {
      if (recorded.aggregate !== 'session') continue;
      const { sequence, hash: previousHash } = heads.get(recorded.aggregateId) ?? ABSENT;
      const place = { recordedAtMs: this.clock.nowMs(), inboxSequence: 0, previousHash };
      const commit = { ...unrecorded(recorded), ...place };
      heads.set(recorded.aggregateId, await this.bus.log.append(commit, sequence));
    }
    await this.clock.advance(49 * 3_600_000);
  }

  /** The projections take in everything that is there. */
  async witness(): Promise<void> {
    const after = this.witnesses.at(-1)?.sequence ?? 0;
    for await (const page of withArchive(this.bus.log, this.store).readMessages({
      afterSequence: after,
    }))
      for (const message of page) this.witnesses.push(witnessOf(message));
  }

  async start(crash?: Crash): Promise<Control> {
    const stop = new AbortController();
    const connected = this.broker.connect();
    const die = async (): Promise<void> => {
      stop.abort();
      await connected[Symbol.asyncDispose]();
    };
    const deed = this.#deeds(crash, die);
    const { log } = connected;
    const bus: Bus = {
      ...connected,
      log: { ...log, purge: (...of) => deed(() => log.purge(...of), new BusUnavailable('purge')) },
      inbox: {
        ...connected.inbox,
        request: (envelope, signal) =>
          deed(() => connected.inbox.request(envelope, signal), new BusUnavailable('ask')),
      },
    };
    const settings = { horizonDays: 1, purgeDelayMinutes: 1 };
    const aggregates = [archiveAggregate, sessionAggregate, schedulerAggregate];
    const { clock } = this;
    const store = faultyStore(this.store, deed);
    const archive = await openArchive(
      { bus, settings, clock, logger, aggregates, store },
      stop.signal,
    );
    const { mayBeArchived, duties } = archive;
    const options = { clock, logger, name: 'control', leaseMs: LEASE_MS, aggregates };
    const host = startHost({ ...options, bus: archive.bus, mayBeArchived, duties }, stop.signal);
    void host.done.catch(() => undefined);
    return {
      host,
      bus: archive.bus,
      stop: async () => {
        stop.abort();
        await this.until(async () => host.duties().length === 0);
      },
    };
  }

  #deeds(crash: Crash | undefined, die: () => Promise<void>) {
    let count = 0;
    return async <Value>(act: () => Promise<Value>, failure: Error): Promise<Value> => {
      count += 1;
      this.deeds = count;
      if (crash !== undefined && count > crash.at) throw failure;
      if (count !== crash?.at) return await act();
      if (crash.when === 'after') await act().catch(() => undefined);
      await die();
      throw failure;
    };
  }

  /** Lets time pass until it is so. */
  async until(isSo: () => Promise<boolean>): Promise<void> {
    const deadline = AbortSignal.timeout(PATIENCE_MS);
    while (!(await isSo())) {
      assert.not(deadline.aborted, 'it did not come about');
      await this.clock.advance(5_000);
    }
  }

  /** Until nothing that was archived is left in the stream and the run is over. */
  async archived(run = 1): Promise<void> {
    const { index } = withArchive(this.bus.log, this.store);
    await this.until(async () => {
      await index.refresh();
      return index.run?.run === run && index.run.finishedAtMs !== undefined;
    });
  }

  /** `null`: no archive is configured. */
  async verify(
    store: SegmentStore | null = this.store,
    stream: EventLog = this.bus.log,
  ): Promise<AuditReport> {
    const log = withArchive(stream, store ?? undefined);
    return await verifyArchivedLog(log, {
      witness: {
        horizon: this.witnesses.at(-1)?.sequence ?? 0,
        commits: pages(this.witnesses),
      },
    });
  }
}

async function* pages<Item>(items: readonly Item[]): AsyncGenerator<readonly Item[]> {
  yield items;
}

function faultyStore(
  store: SegmentStore,
  deed: <Value>(act: () => Promise<Value>, failure: Error) => Promise<Value>,
): SegmentStore {
  const failure = new ArchiveUnavailable('do it');
  return {
    put: (name, bytes) => deed(() => store.put(name, bytes), failure),
    get: (name) => deed(() => store.get(name), failure),
    list: () => deed(() => store.list(), failure),
    remove: (name) => deed(() => store.remove(name), failure),
  };
}

export function witnessOf({ sequence, body }: LogMessage): Witness {
  const { aggregate, aggregateId, firstRevision } = JSON.parse(Buffer.from(body).toString());
  return { sequence, aggregate, aggregateId, firstRevision, hash: hashOf(body) };
}

export async function messagesOf(log: Pick<EventLog, 'readMessages'>): Promise<LogMessage[]> {
  const all: LogMessage[] = [];
  for await (const page of log.readMessages({ afterSequence: 0 })) all.push(...page);
  return all;
}
