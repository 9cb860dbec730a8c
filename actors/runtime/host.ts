import type { Bus, Clock, RecordedCommit } from '@orrery/bus';
import type { Logger } from 'pino';
import type { AnyAggregate } from './aggregate.ts';
import { AnsweredCommands } from './answered.ts';
import { Handover } from './handover.ts';
import { createHoldings, type Holdings } from './holdings.ts';
import type { HostCounts } from './lane.ts';
import { LateAlarms } from './late-alarms.ts';
import { type Duty, startOwnership } from './ownership.ts';
import { runPartition } from './partition.ts';
import { SaidMark } from './said-mark.ts';
import type { TurnTools } from './take-turn.ts';
import { UnsaidSearch } from './unsaid.ts';
import { createWindow } from './window.ts';

/** Commands under way at once in one host. */
const WINDOW_COMMANDS = 512;

/** Aggregates that one host reads at once. */
const WINDOW_READS = 256;

/** Aggregates whose folded state is kept in memory; the others are folded again when needed. */
const HELD_MAX = 50_000;
/** What these may take, as estimated. */
const HELD_BYTES_MAX = 96 * 1024 * 1024;

/** A partition is free this long after its host was last heard of. */
const LEASE_MS = 2000;

export interface HostOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly aggregates: readonly AnyAggregate[];
  /** Name among the hosts of the cluster; default `control`. A later process of a name replaces it. */
  readonly name?: string;
  /** Which process of its name this is: later ones have higher ids. Default: by time. */
  readonly instance?: string;
  /** Aggregates kept in memory at most, all partitions together; default 50,000. */
  readonly heldMax?: number;
  /** Memory that these may take, all partitions together, in estimated bytes; default 96 MiB. */
  readonly heldBytesMax?: number;
  /** Default 2,000. */
  readonly leaseMs?: number;
  /** Default: nothing was ever archived. */
  readonly mayBeArchived?: (aggregate: string, id: string) => boolean;
  /** What besides the partitions only one host of the cluster does, by name. */
  readonly duties?: Readonly<Record<string, Duty>>;
}

export interface Host {
  /** Resolves when this host is among the living. */
  readonly joined: Promise<void>;
  /**
   * Resolves when the signal has fired, every turn that was begun is over and all is handed over.
   * @throws {HostReplaced} when another process has taken its name.
   */
  readonly done: Promise<void>;
  readonly counts: HostCounts;
  /** Names of the partitions and other duties that are this host's at the moment. */
  duties(): readonly string[];
  /** Why it does nothing any more: the log is ahead of it, and other hosts have taken its work. */
  resignation(): string | undefined;
  heldAggregates(): number;
}

/** Runs the actors of the partitions that belong to this host among all that live. */
export function startHost(options: HostOptions, signal: AbortSignal): Host {
  const { bus, clock, logger, name = 'control', leaseMs = LEASE_MS } = options;
  const { mayBeArchived = () => false } = options;
  const { partitions } = bus.inbox;
  const heldMax = Math.ceil((options.heldMax ?? HELD_MAX) / partitions);
  const heldBytesMax = Math.ceil((options.heldBytesMax ?? HELD_BYTES_MAX) / partitions);
  const aggregates = new Map(
    options.aggregates.map((aggregate) => [aggregate.name as string, aggregate]),
  );
  const counts: HostCounts = { turns: 0, retries: 0, poisoned: 0 };
  const window = createWindow(WINDOW_COMMANDS);
  const reads = createWindow(WINDOW_READS);
  const allHoldings = new Set<Holdings>();
  const closings = new Set<Promise<void>>();
  const ended = new AbortController();
  const knows = (aggregate: string): boolean => aggregates.has(aggregate);
  const handover = new Handover({ inbox: bus.inbox, clock, closed: ended.signal, knows });
  const unsaid = new UnsaidSearch({ bus, clock });
  const shared = { bus, clock, logger, aggregates, mayBeArchived, handover, unsaid };
  const run = async (partition: number, tenure: Parameters<Duty>[0]): Promise<void> => {
    // Of one tenure only: another host may write as soon as it is over, and what was held is old then.
    const answered = new AnsweredCommands(bus, partition);
    const onRead = (commit: RecordedCommit): void => answered.learn(commit);
    const isOver = (): boolean => tenure.signal.aborted || !tenure.isHeld();
    const limits = { heldMax, heldBytesMax, reads };
    const holdings = createHoldings({ bus, clock, logger, ...limits, isOver, onRead });
    const alarms = new LateAlarms({ bus, clock, logger, tenure });
    const said = new SaidMark();
    const tools: TurnTools = { ...shared, holdings, alarms, said, answered };
    allHoldings.add(holdings);
    try {
      await runPartition({ tools, window, counts, partition, tenure });
    } finally {
      allHoldings.delete(holdings);
      // The heir need not wait for a snapshot that is on its way.
      const closing = holdings.close().finally(() => closings.delete(closing));
      closings.add(closing);
    }
  };
  const duties = new Map<string, Duty>(Object.entries(options.duties ?? {}));
  for (let partition = 0; partition < partitions; partition++)
    duties.set(`partition-${partition}`, (tenure) => run(partition, tenure));
  const { config } = bus;
  const { instance } = options;
  const ownership = startOwnership(
    { config, clock, logger, host: name, leaseMs, duties, instance },
    signal,
  );
  const end = async (): Promise<void> => {
    try {
      await ownership.done;
    } finally {
      await Promise.all(closings);
      ended.abort();
    }
  };
  return {
    joined: ownership.joined,
    done: end(),
    counts,
    duties: ownership.held,
    resignation: ownership.resignation,
    heldAggregates: () => [...allHoldings].reduce((sum, { size }) => sum + size, 0),
  };
}
