import type { ReceivedCommand } from '@orrery/bus';
import { type HostCounts, Lane } from './lane.ts';
import type { Tenure } from './ownership.ts';
import { createProgress, type Progress } from './progress.ts';
import { isPassing } from './speaking.ts';
import type { TurnTools } from './take-turn.ts';
import { subjectKey } from './turn.ts';
import type { Window } from './window.ts';

/** Time between two saved checkpoints of a partition. */
const CHECKPOINT_PERIOD_MS = 1000;

/** Waiting before the place to begin at is asked for again. */
const RETRY_MS = 2000;

export interface PartitionRun {
  readonly tools: TurnTools;
  readonly window: Window;
  readonly counts: HostCounts;
  readonly partition: number;
  readonly tenure: Tenure;
}

/**
 * Reads the inbox of a partition as a log from its checkpoint: commands of one aggregate in their order,
 * different aggregates side by side. Resolves when the tenure is over and every turn that was begun has
 * ended; commands that were read and not begun stay in the inbox.
 */
export async function runPartition(run: PartitionRun): Promise<void> {
  const { tools, window, partition, tenure } = run;
  const { inbox } = tools.bus;
  const start = await persistently(run, () => inbox.checkpoint(partition));
  if (start === undefined) return;
  const progress = createProgress(start);
  const saver = createCheckpointSaver(run, progress);
  const onDone = ({ sequence, envelope }: ReceivedCommand): void => {
    tools.alarms.whenSettled(subjectKey(envelope.aggregate, envelope.aggregateId), () => {
      progress.end(sequence);
      saver.note();
    });
  };
  const lanes = new Map<string, Lane>();
  const begin = (key: string, received: ReceivedCommand): void => {
    const onIdle = (): void => {
      lanes.delete(key);
    };
    const lane = lanes.get(key) ?? new Lane({ ...run, onDone, onLeft: window.leave, onIdle });
    lanes.set(key, lane);
    lane.add(received);
  };
  for await (const batch of inbox.follow(partition, start, tenure.signal)) {
    for (const received of batch) {
      await window.enter();
      progress.begin(received.sequence);
      begin(subjectKey(received.envelope.aggregate, received.envelope.aggregateId), received);
    }
  }
  await Promise.all([...lanes.values()].map((lane) => lane.finish()));
  await tools.alarms.flush();
  await saver.finish();
}

interface CheckpointSaver {
  /** Something is done: the checkpoint is saved within a period. */
  note(): void;
  /** Saves what is not saved yet. */
  finish(): Promise<void>;
}

/** Saves at most once a period, and sleeps while nothing happens. */
function createCheckpointSaver(
  { tools, partition, tenure }: PartitionRun,
  progress: Progress,
): CheckpointSaver {
  let saved = progress.doneUpTo();
  let saving: Promise<void> | undefined;
  const save = async (): Promise<void> => {
    const sequence = progress.doneUpTo();
    if (sequence === saved || !tenure.isHeld()) return;
    try {
      await tools.bus.inbox.saveCheckpoint(partition, sequence);
      saved = sequence;
    } catch (error) {
      if (!isPassing(error)) throw error;
      tools.logger.warn({ err: error, partition }, 'a checkpoint waits for the bus');
    }
  };
  const saveSoon = async (): Promise<void> => {
    await tools.clock.sleep(CHECKPOINT_PERIOD_MS, tenure.signal).catch(() => undefined);
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
  { tools, tenure }: PartitionRun,
  ask: () => Promise<Value>,
): Promise<Value | undefined> {
  while (!tenure.signal.aborted) {
    try {
      return await ask();
    } catch (error) {
      if (!isPassing(error)) throw error;
      await tools.clock.sleep(RETRY_MS, tenure.signal).catch(() => undefined);
    }
  }
  return undefined;
}
