import type { PartitionRun } from './partition.ts';
import type { Progress } from './progress.ts';
import { isPassing } from './speaking.ts';
import { saveSaid } from './unsaid.ts';

/** Time between two saved checkpoints of a partition. */
const CHECKPOINT_PERIOD_MS = 1000;

export interface CheckpointSaver {
  /** Something is done: the checkpoints are saved within a period. */
  note(): void;
  /** Saves what is not saved yet. */
  finish(): Promise<void>;
}

/**
 * Saves how far the inbox is done and how far the commits are said, at most once a period; sleeps while
 * nothing happens.
 */
export function createCheckpointSaver(
  { tools, partition, tenure }: PartitionRun,
  progress: Progress,
): CheckpointSaver {
  const { bus, said } = tools;
  let savedDone = progress.doneUpTo();
  let savedSaid = -1;
  let saving: Promise<void> | undefined;
  const save = async (): Promise<void> => {
    if (!tenure.isHeld()) return;
    try {
      const [done, upTo] = [progress.doneUpTo(), said.upTo()];
      await Promise.all([
        done === savedDone ? undefined : bus.inbox.saveCheckpoint(partition, done),
        upTo === savedSaid ? undefined : saveSaid(bus, partition, upTo),
      ]);
      [savedDone, savedSaid] = [done, upTo];
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
