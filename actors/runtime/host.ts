import type { Bus, Clock, ReceivedCommand } from '@orrery/bus';
import type { Logger } from 'pino';
import type { AnyAggregate } from './aggregate.ts';
import { createHoldings } from './holdings.ts';
import { createProgress, type Progress } from './progress.ts';
import { isPassing, type TurnTools, takeTurn } from './take-turn.ts';
import { subjectKey } from './turn.ts';
import { createWindow, type Window } from './window.ts';

/** Commands under way at once in one host. */
const WINDOW_COMMANDS = 256;

/** Aggregates whose folded state is kept in memory; the others are folded again when needed. */
const HELD_MAX = 50_000;

/** Time between two saved checkpoints of a partition. */
const CHECKPOINT_PERIOD_MS = 1000;

/** Waiting before a turn that met an absent bus is taken again: doubles up to the second. */
const RETRY_MS = 50;
const RETRY_MS_MAX = 2000;

/** Tries of a command that throws for no passing reason before it is set aside. */
const POISON_TRIES_MAX = 3;

export interface HostOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly aggregates: readonly AnyAggregate[];
  /** Aggregates kept in memory at most; default 50,000. */
  readonly heldMax?: number;
}

export interface Host {
  /** Resolves when the signal has fired and every command taken is done. */
  readonly done: Promise<void>;
  /** Counts since the start, for metrics. */
  readonly counts: { turns: number; retries: number; poisoned: number };
  heldAggregates(): number;
}

/**
 * Runs the actors of all partitions: reads each inbox as a log from its checkpoint, one command of an
 * aggregate at a time, different aggregates side by side.
 */
export function startHost(options: HostOptions, signal: AbortSignal): Host {
  const { bus, clock, logger } = options;
  const holdings = createHoldings(bus, options.heldMax ?? HELD_MAX);
  const aggregates = new Map(
    options.aggregates.map((aggregate) => [aggregate.name as string, aggregate]),
  );
  const tools: TurnTools = { bus, clock, logger, holdings, aggregates };
  const counts = { turns: 0, retries: 0, poisoned: 0 };
  const window = createWindow(WINDOW_COMMANDS);
  const partitions = Array.from({ length: bus.inbox.partitions }, (_, partition) =>
    runPartition({ tools, window, counts, partition, signal }),
  );
  return {
    done: Promise.all(partitions).then(() => undefined),
    counts,
    heldAggregates: () => holdings.size,
  };
}

interface PartitionRun {
  readonly tools: TurnTools;
  readonly window: Window;
  readonly counts: Host['counts'];
  readonly partition: number;
  readonly signal: AbortSignal;
}

async function runPartition(run: PartitionRun): Promise<void> {
  const { tools, window, partition, signal } = run;
  const { inbox } = tools.bus;
  const start = await persistently(run, () => inbox.checkpoint(partition));
  if (start === undefined) return;
  const progress = createProgress(start);
  const saver = createCheckpointSaver(run, progress);
  const lanes = new Map<string, Promise<void>>();
  for await (const batch of inbox.follow(partition, start, signal)) {
    for (const received of batch) {
      const key = subjectKey(received.envelope.aggregate, received.envelope.aggregateId);
      await window.enter();
      progress.begin(received.sequence);
      const turn = (lanes.get(key) ?? Promise.resolve())
        .then(() => takeUntilDone(run, received))
        .then((isDone) => {
          if (isDone) progress.end(received.sequence);
          saver.note();
          window.leave();
          if (lanes.get(key) === turn) lanes.delete(key);
        });
      lanes.set(key, turn);
    }
  }
  await Promise.all(lanes.values());
  await saver.finish();
}

/** False when the signal ended the trying: the command stays in the inbox. */
async function takeUntilDone(run: PartitionRun, received: ReceivedCommand): Promise<boolean> {
  const { tools, counts, signal } = run;
  let tries = 0;
  for (let delayMs = RETRY_MS; ; delayMs = Math.min(delayMs * 2, RETRY_MS_MAX)) {
    if (signal.aborted) return false;
    try {
      await takeTurn(tools, received);
      counts.turns += 1;
      return true;
    } catch (error) {
      const { id, aggregate, aggregateId } = received.envelope;
      const about = {
        err: error,
        command: id,
        aggregate,
        aggregateId,
        sequence: received.sequence,
      };
      if (!isPassing(error) && ++tries >= POISON_TRIES_MAX) {
        counts.poisoned += 1;
        tools.logger.error(about, 'a command that cannot be taken is set aside');
        return true;
      }
      counts.retries += 1;
      tools.logger.warn(about, 'a turn is taken again');
      await tools.clock.sleep(delayMs, signal).catch(() => undefined);
    }
  }
}

interface CheckpointSaver {
  /** Something is done: the checkpoint is saved within a period. */
  note(): void;
  /** Saves what is not saved yet. */
  finish(): Promise<void>;
}

/** Saves at most once a period, and sleeps while nothing happens. */
function createCheckpointSaver(
  { tools, partition, signal }: PartitionRun,
  progress: Progress,
): CheckpointSaver {
  let saved = progress.doneUpTo();
  let saving: Promise<void> | undefined;
  const save = async (): Promise<void> => {
    const sequence = progress.doneUpTo();
    if (sequence === saved) return;
    try {
      await tools.bus.inbox.saveCheckpoint(partition, sequence);
      saved = sequence;
    } catch (error) {
      if (!isPassing(error)) throw error;
      tools.logger.warn({ err: error, partition }, 'a checkpoint waits for the bus');
    }
  };
  const saveSoon = async (): Promise<void> => {
    await tools.clock.sleep(CHECKPOINT_PERIOD_MS, signal).catch(() => undefined);
    saving = undefined;
    await save();
  };
  return {
    note: () => {
      saving ??= saveSoon();
    },
    finish: async () => {
      await saving;
      await save();
    },
  };
}

async function persistently<Value>(
  { tools, signal }: Pick<PartitionRun, 'tools' | 'signal'>,
  ask: () => Promise<Value>,
): Promise<Value | undefined> {
  while (!signal.aborted) {
    try {
      return await ask();
    } catch (error) {
      if (!isPassing(error)) throw error;
      await tools.clock.sleep(RETRY_MS_MAX, signal).catch(() => undefined);
    }
  }
  return undefined;
}
