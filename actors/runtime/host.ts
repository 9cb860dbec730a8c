import type { Bus, Clock } from '@orrery/bus';
import type { Logger } from 'pino';
import type { AnyAggregate } from './aggregate.ts';
import { createHoldings, type Holdings } from './holdings.ts';
import { type Duty, startOwnership } from './ownership.ts';
import { type HostCounts, runPartition } from './partition.ts';
import type { TurnTools } from './take-turn.ts';
import { createWindow } from './window.ts';

/** Commands under way at once in one host. */
const WINDOW_COMMANDS = 256;

/** Aggregates whose folded state is kept in memory; the others are folded again when needed. */
const HELD_MAX = 50_000;

/** A partition is free this long after its host was last heard of. */
const LEASE_MS = 2000;

export interface HostOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly aggregates: readonly AnyAggregate[];
  /** Name among the hosts of the cluster; default `control`. A later process of a name replaces it. */
  readonly name?: string;
  /** Aggregates kept in memory at most, all partitions together; default 50,000. */
  readonly heldMax?: number;
  /** Default 2,000. */
  readonly leaseMs?: number;
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
  heldAggregates(): number;
}

/** Runs the actors of the partitions that belong to this host among all that live. */
export function startHost(options: HostOptions, signal: AbortSignal): Host {
  const { bus, clock, logger, name = 'control', leaseMs = LEASE_MS } = options;
  const { partitions } = bus.inbox;
  const heldMax = Math.ceil((options.heldMax ?? HELD_MAX) / partitions);
  const aggregates = new Map(
    options.aggregates.map((aggregate) => [aggregate.name as string, aggregate]),
  );
  const counts: HostCounts = { turns: 0, retries: 0, poisoned: 0 };
  const window = createWindow(WINDOW_COMMANDS);
  const allHoldings = new Set<Holdings>();
  const run = async (partition: number, tenure: Parameters<Duty>[0]): Promise<void> => {
    // Of one tenure only: another host may write as soon as it is over, and what was held is old then.
    const holdings = createHoldings(bus, heldMax);
    const tools: TurnTools = { bus, clock, logger, holdings, aggregates };
    allHoldings.add(holdings);
    try {
      await runPartition({ tools, window, counts, partition, tenure });
    } finally {
      allHoldings.delete(holdings);
    }
  };
  const duties = new Map<string, Duty>(Object.entries(options.duties ?? {}));
  for (let partition = 0; partition < partitions; partition++)
    duties.set(`partition-${partition}`, (tenure) => run(partition, tenure));
  const { config } = bus;
  const ownership = startOwnership({ config, clock, logger, host: name, leaseMs, duties }, signal);
  return {
    joined: ownership.joined,
    done: ownership.done,
    counts,
    duties: ownership.held,
    heldAggregates: () => [...allHoldings].reduce((sum, { size }) => sum + size, 0),
  };
}
