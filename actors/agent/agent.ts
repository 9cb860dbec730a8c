import type { Bus, Clock, Logger, NodeFacts } from '@orrery/bus';
import type { ContainerDriver } from './container-driver.ts';
import type { KeptLogs } from './kept-logs.ts';
import { KernelDesk } from './kernel-desk.ts';
import type { KernelRecords } from './kernel-records.ts';
import { serveStreams } from './kernel-streams.ts';
import { KernelWork } from './kernel-work.ts';
import { isNetworkWish, NetworkDesk } from './networks/network-desk.ts';
import { NodePresence } from './node-presence.ts';
import type { NodeTroubles, TroubleSource } from './node-troubles.ts';
import { insist } from './persistence.ts';
import type { ReportGate } from './report-gate.ts';
import { Reporter } from './reporter.ts';
import type { KeeperClient } from './runs/keeper-client.ts';
import { type StatisticsOptions, tellStatistics } from './statistics/statistics.ts';
import { WishCheckpoint } from './wish-checkpoint.ts';

export interface AgentOptions {
  readonly bus: Bus;
  readonly node: string;
  readonly driver: ContainerDriver;
  readonly facts: NodeFacts;
  /** Whenever the facts have changed; absent: they never do. */
  readonly laterFacts?: ((signal: AbortSignal) => AsyncIterable<NodeFacts>) | undefined;
  readonly records: KernelRecords;
  readonly keptLogs?: KeptLogs | undefined;
  readonly keeper?: KeeperClient | undefined;
  /** Where the node keeps its things; absent: nowhere. */
  readonly directory?: string | undefined;
  readonly imagesFile?: string | undefined;
  /** Absent: nothing is looked after. */
  readonly troubles?: NodeTroubles | undefined;
  readonly troubleSources?: readonly TroubleSource[] | undefined;
  readonly reportGate?: ReportGate | undefined;
  /** Undefined: nothing is measured. */
  readonly statistics?:
    | Pick<StatisticsOptions, 'periodMs' | 'steady' | 'readNode' | 'readDevices'>
    | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Agent {
  /** Resolves when the node is registered and its wishes are heard. */
  readonly ready: Promise<void>;
  /** Resolves after the signal fired and all work has stopped; containers go on. @throws a defect. */
  readonly done: Promise<void>;
}

/** The agent of one node: hears its wishes, carries them out, tells what is so. Runs until the signal fires. */
export function startAgent(options: AgentOptions, signal: AbortSignal): Agent {
  const ready = Promise.withResolvers<void>();
  const done = run(options, signal, ready.resolve).catch((cause: unknown) => {
    ready.reject(cause);
    if (!signal.aborted) throw cause;
  });
  ready.promise.catch(() => undefined);
  return { ready: ready.promise, done };
}

async function run(options: AgentOptions, stop: AbortSignal, onReady: () => void): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([stop, failed.signal]);
  const { bus, node, driver, records, keptLogs, clock, logger } = options;
  const shared = { node, clock, logger, signal };
  const saved = await insist({ doing: 'read the checkpoint', clock, logger, signal }, () =>
    bus.agents.checkpoint(node),
  );
  const reporter = new Reporter({ ...shared, inbox: bus.inbox, gate: options.reportGate });
  const onSaved = (sequence: number): void => records.allDoneUpTo(sequence);
  const checkpoint = new WishCheckpoint({ ...shared, inbox: bus.agents, saved, onSaved });
  const onTimeout = (kernel: string): void => desk.timedOut(kernel);
  const { troubles } = options;
  using work = new KernelWork({
    ...{ driver, reporter, records, keptLogs, troubles, clock, logger, onTimeout },
  });
  const desk = new KernelDesk({ work, reporter, checkpoint, logger, signal });
  const { networks } = driver;
  const networkDesk = new NetworkDesk({ ...shared, networks, reporter, checkpoint });
  const presence = new NodePresence({
    ...shared,
    driver,
    reporter,
    live: bus.live,
    imagesFile: options.imagesFile,
  });
  const listed = Promise.withResolvers<void>();
  const parts = [
    watchContainers({ driver, work, desk, records, presence, ...shared }, listed.resolve),
    listed.promise.then(() => followWishes(bus, { desk, networkDesk }, { node, saved, signal })),
    networkDesk.sweep(),
    presence.beat(() => work.running.size),
    tellMeasured(options, work, signal),
    driver.tidy?.(signal),
    troubles?.watch(options.troubleSources ?? [], signal),
    serveStreams({
      ...shared,
      live: bus.live,
      driver,
      keptLogs,
      records,
      desk,
      keeper: options.keeper,
      directory: options.directory,
    }),
    announce(presence, options.facts, logger)
      .then(() => listed.promise.then(onReady))
      .then(() => announceChanges(presence, options.laterFacts?.(signal))),
  ];
  stop.addEventListener('abort', () => listed.resolve(), { once: true });
  try {
    await Promise.all(parts);
  } catch (cause) {
    if (!stop.aborted) throw cause;
  } finally {
    failed.abort(new Error('the agent ends'));
    await Promise.allSettled(parts);
    await desk.allSettled();
    await networkDesk.allSettled();
    await checkpoint.flush();
  }
}

async function tellMeasured(
  { statistics, bus, node, driver, clock, logger }: AgentOptions,
  work: KernelWork,
  signal: AbortSignal,
): Promise<void> {
  if (statistics === undefined) return;
  const running = (): readonly string[] => [...work.running];
  await tellStatistics(
    { ...statistics, node, driver, live: bus.live, clock, logger, running },
    signal,
  );
}

async function announce(presence: NodePresence, facts: NodeFacts, logger: Logger): Promise<void> {
  await presence.tellImages().catch((err: unknown) => {
    logger.warn({ err }, 'the images of this node could not be told yet');
    presence.imagesChanged();
  });
  await presence.register(facts);
}

async function announceChanges(
  presence: NodePresence,
  changes: AsyncIterable<NodeFacts> | undefined,
): Promise<void> {
  if (changes === undefined) return;
  for await (const facts of changes) await presence.register(facts);
}

async function followWishes(
  bus: Bus,
  { desk, networkDesk }: { readonly desk: KernelDesk; readonly networkDesk: NetworkDesk },
  from: { readonly node: string; readonly saved: number; readonly signal: AbortSignal },
): Promise<void> {
  for await (const wishes of bus.agents.follow(from.node, from.saved, from.signal))
    for (const wish of wishes) {
      if (isNetworkWish(wish)) networkDesk.take(wish);
      else await desk.take(wish);
    }
}

/** Hears what happens to containers, and after every gap looks at all there are. */
async function watchContainers(
  parts: {
    readonly driver: ContainerDriver;
    readonly work: KernelWork;
    readonly desk: KernelDesk;
    readonly records: KernelRecords;
    readonly presence: NodePresence;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly signal: AbortSignal;
  },
  onListed: () => void,
): Promise<void> {
  const { driver, work, desk, records, presence, clock, logger, signal } = parts;
  for await (const change of driver.follow(signal)) {
    switch (change.kind) {
      case 'exited':
        desk.exited(change.kernel, change.exit);
        break;
      case 'created':
        if (work.meetLate(change.kernel)) desk.look(change.kernel);
        break;
      case 'images-changed':
        presence.imagesChanged();
        break;
      case 'resync': {
        const remembered = records.all().filter(({ phase }) => phase !== 'gone');
        const doing = 'list containers';
        const found = await insist({ doing, clock, logger, signal }, () => driver.list(signal));
        work.meet(found);
        const kernels = new Set([...remembered, ...found].map(({ kernel }) => kernel));
        for (const kernel of kernels) desk.look(kernel);
        onListed();
      }
    }
  }
}
