import type { ReceivedCommand } from '@orrery/bus';
import type { Tenure } from './ownership.ts';
import { createProgress, type Progress } from './progress.ts';
import { isPassing, type TurnTools, takeTurn } from './take-turn.ts';
import { subjectKey } from './turn.ts';
import type { Window } from './window.ts';

/** Time between two saved checkpoints of a partition. */
const CHECKPOINT_PERIOD_MS = 1000;

/** Waiting before a turn that met an absent bus is taken again: doubles up to the second. */
const RETRY_MS = 50;
const RETRY_MS_MAX = 2000;

/** Tries of a command that throws for no passing reason before it is set aside. */
const POISON_TRIES_MAX = 3;
/** Of what it threw, kept with the command. */
const ERROR_CHARACTERS_MAX = 2000;

/** Since the start, for metrics. */
export interface HostCounts {
  turns: number;
  retries: number;
  poisoned: number;
}

export interface PartitionRun {
  readonly tools: TurnTools;
  readonly window: Window;
  readonly counts: HostCounts;
  readonly partition: number;
  readonly tenure: Tenure;
}

/**
 * Reads the inbox of a partition as a log from its checkpoint: one command of an aggregate at a time,
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
  const lanes = new Map<string, Promise<void>>();
  for await (const batch of inbox.follow(partition, start, tenure.signal)) {
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

/** False when the tenure ended before: the command stays in the inbox. */
async function takeUntilDone(run: PartitionRun, received: ReceivedCommand): Promise<boolean> {
  const { tools, counts, tenure } = run;
  const { id, aggregate, aggregateId } = received.envelope;
  let failures = 0;
  let failure: unknown;
  for (let delayMs = RETRY_MS; ; delayMs = Math.min(delayMs * 2, RETRY_MS_MAX)) {
    if (tenure.signal.aborted || !tenure.isHeld()) return false;
    try {
      if (failures < POISON_TRIES_MAX) await takeTurn(tools, received);
      else await setAside(run, received, { failure, tries: failures });
      counts.turns += 1;
      return true;
    } catch (error) {
      if (!isPassing(error)) {
        failures += 1;
        failure = error;
      }
      counts.retries += 1;
      const { sequence } = received;
      const about = { err: error, command: id, aggregate, aggregateId, sequence };
      tools.logger.warn(about, 'a turn is taken again');
      await tools.clock.sleep(delayMs, tenure.signal).catch(() => undefined);
    }
  }
}

/** Keeps the command where a person finds it, and tells its sender. */
async function setAside(
  { tools, counts, partition }: PartitionRun,
  { sequence, envelope }: ReceivedCommand,
  { failure, tries }: { readonly failure: unknown; readonly tries: number },
): Promise<void> {
  const { bus, clock, logger } = tools;
  const id = `${partition}.${sequence}`;
  const said = failure instanceof Error ? (failure.stack ?? String(failure)) : String(failure);
  const error = said.slice(0, ERROR_CHARACTERS_MAX);
  await bus.setAside.put({ id, envelope, error, tries, setAsideAtMs: clock.nowMs() });
  counts.poisoned += 1;
  logger.error(
    { err: failure, setAside: id, command: envelope.id },
    'a command that cannot be taken is set aside',
  );
  if (envelope.replyTo === undefined) return;
  const message = `the command failed ${tries} times and was set aside as ${id}`;
  const details = { setAside: id };
  bus.inbox.reply(envelope.replyTo, {
    ok: false,
    error: { code: 'command-set-aside', message, details },
  });
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
      await tools.clock.sleep(RETRY_MS_MAX, tenure.signal).catch(() => undefined);
    }
  }
  return undefined;
}
