import type { ReceivedCommand } from '@orrery/bus';
import { createCheckpointSaver } from './checkpoint-saver.ts';
import { type HostCounts, Lane, type LaneCommand } from './lane.ts';
import type { Tenure } from './ownership.ts';
import { createProgress } from './progress.ts';
import type { UnsaidTurn } from './said-mark.ts';
import { isPassing } from './speaking.ts';
import type { TurnTools } from './take-turn.ts';
import { subjectKey } from './turn.ts';
import type { Unsaid, UnsaidAggregate } from './unsaid.ts';
import { createWindow, type Window } from './window.ts';

/** Waiting before the place to begin at is asked for again. */
const RETRY_MS = 2000;

/** A mark that nobody moves is brought up to the end of the log this often. */
const KEEP_UP_PERIOD_MS = 60_000;

/**
 * After each of these times it is looked for what an earlier owner has written late: an append is tried for half
 * a minute, and may reach the log when its host is long dead.
 */
const LATE_LOOKS_MS = [10_000, 35_000];

/** Aggregates of a partition that say again at once what they may have left unsaid; more would starve each other. */
const SAY_AGAIN_MAX = 64;

/** Commands that came past the inbox and are under way in one partition; more are declined. */
const PAST_INBOX_MAX = 4_096;

const CONTROL = { kind: 'system', id: 'control' } as const;

export interface PartitionRun {
  readonly tools: TurnTools;
  readonly window: Window;
  readonly counts: HostCounts;
  readonly partition: number;
  readonly tenure: Tenure;
}

/**
 * Takes the commands of a partition: of its inbox, read as a log from its checkpoint, of who asks past it and
 * of the lanes of the same host; those of one aggregate in their order, different aggregates side by side.
 * First of all what an earlier host may have left unsaid is said. Resolves when the tenure is over and every
 * turn that was begun has ended; commands that were read and not begun stay in the inbox.
 */
export async function runPartition(run: PartitionRun): Promise<void> {
  const { tools, window, partition, tenure } = run;
  const { inbox } = tools.bus;
  const places = await persistently(run, () =>
    Promise.all([inbox.checkpoint(partition), tools.unsaid.find(partition)]),
  );
  if (places === undefined) return;
  const [start, unsaid] = places;
  const lanes = new Lanes(run, start);
  const saidAgain = lanes.sayAgain(unsaid);
  const leave = tools.handover.enter(partition, (command) => lanes.addPastInbox(command));
  const beside = Promise.all([
    saidAgain,
    listen(run, lanes),
    keepUp(run, lanes),
    lookAgain(run, lanes, unsaid.upTo),
  ]);
  try {
    for await (const batch of inbox.follow(partition, start, tenure.signal))
      for (const received of batch) {
        await window.enter();
        lanes.addOfInbox(received);
      }
  } finally {
    leave();
  }
  await beside;
  await lanes.finish();
}

/** Who asks past the inbox is answered by the turn, or by nobody: then the asker puts it into the inbox. */
async function listen({ tools, partition, tenure }: PartitionRun, lanes: Lanes): Promise<void> {
  const { inbox } = tools.bus;
  for await (const batch of inbox.listen(partition, tenure.signal))
    for (const received of batch) {
      const { replyTo } = received.envelope;
      lanes.addPastInbox({
        ...received,
        settle: (how) => {
          if (how === 'declined' && replyTo !== undefined) inbox.decline(replyTo);
        },
      });
    }
}

async function lookAgain(run: PartitionRun, lanes: Lanes, upTo: number): Promise<void> {
  const { tools, partition, tenure } = run;
  let after = upTo;
  for (const delayMs of LATE_LOOKS_MS) {
    await tools.clock.sleep(delayMs, tenure.signal).catch(() => undefined);
    const late = await persistently(run, () => tools.unsaid.find(partition, after));
    if (late === undefined) return;
    lanes.sayStrange(late);
    after = late.upTo;
  }
  tools.said.unwatch();
}

/** The mark of a partition in which nothing happens follows the log, so that its heir need not read all of that. */
async function keepUp({ tools, tenure }: PartitionRun, lanes: Lanes): Promise<void> {
  const { bus, clock } = tools;
  const { signal } = tenure;
  while (!signal.aborted) {
    await clock.sleep(KEEP_UP_PERIOD_MS, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      lanes.reach(await bus.log.lastSequence());
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
  }
}

/** The lanes of one tenure, one for each aggregate that has something to do. */
class Lanes {
  readonly #run: PartitionRun;
  readonly #lanes = new Map<string, Lane>();
  readonly #progress: ReturnType<typeof createProgress>;
  readonly #saver: ReturnType<typeof createCheckpointSaver>;
  /** Who has yet to say again what may be unsaid, before anything else of theirs is taken. */
  readonly #unsaid = new Map<string, UnsaidAggregate>();
  #pastInbox = 0;
  #isOver = false;

  constructor(run: PartitionRun, start: number) {
    this.#run = run;
    this.#progress = createProgress(start);
    this.#saver = createCheckpointSaver(run, this.#progress);
  }

  addOfInbox(received: ReceivedCommand): void {
    this.#progress.begin(received.sequence);
    this.#add(received);
  }

  addPastInbox(command: LaneCommand): void {
    const { tenure } = this.#run;
    const isRefused = this.#isOver || tenure.signal.aborted || this.#pastInbox >= PAST_INBOX_MAX;
    if (isRefused) {
      command.settle?.('declined');
      return;
    }
    this.#pastInbox += 1;
    const settle = once((how: 'taken' | 'declined') => {
      this.#pastInbox -= 1;
      command.settle?.(how);
    });
    this.#add({ ...command, settle });
  }

  /** Before anything else of these aggregates, and not all at once. */
  async sayAgain({ after, upTo, aggregates }: Unsaid): Promise<void> {
    const { tools, tenure } = this.#run;
    const { answered, said } = tools;
    answered.begin(upTo);
    said.watch({ after, upTo });
    said.reach(after);
    const whole = said.begin(after);
    for (const one of aggregates) this.#unsaid.set(subjectKey(one.aggregate, one.id), one);
    said.reach(upTo);
    const room = createWindow(SAY_AGAIN_MAX);
    for (const key of [...this.#unsaid.keys()]) {
      await room.enter();
      if (tenure.signal.aborted) return;
      this.#sayUnsaid(key, room.leave);
    }
    said.end(whole);
  }

  /** Unless somebody has done so already. */
  #sayUnsaid(key: string, onEnd: () => void): void {
    const one = this.#unsaid.get(key);
    this.#unsaid.delete(key);
    if (one === undefined) {
      onEnd();
      return;
    }
    const { said } = this.#run.tools;
    this.#sayAgain(one, { again: said.begin(said.inherited), settle: once(onEnd) });
  }

  /** What others have written in this tenure. */
  sayStrange({ aggregates }: Unsaid): void {
    const { said } = this.#run.tools;
    for (const one of aggregates) {
      const strange = one.sequences.find((sequence) => said.isStrange(sequence));
      if (strange === undefined) continue;
      this.#sayAgain(one, { again: said.begin(strange - 1), readsAnew: true });
    }
  }

  #sayAgain(
    { aggregate, id }: UnsaidAggregate,
    how: Required<Pick<LaneCommand, 'again'>> & Pick<LaneCommand, 'readsAnew' | 'settle'>,
  ): void {
    const { aggregates, said } = this.#run.tools;
    if (!aggregates.has(aggregate)) {
      said.end(how.again);
      how.settle?.('taken');
      return;
    }
    const command = { type: 'say-again' };
    const about = { id: 'say-again', aggregate, aggregateId: id, actor: CONTROL, sentAtMs: 0 };
    this.#add({ sequence: 0, bytes: 0, envelope: { ...about, command }, ...how });
  }

  /** The log was this long, and what is under way was begun before it was asked. */
  reach(sequence: number): void {
    this.#run.tools.said.reach(sequence);
    this.#saver.note();
  }

  async finish(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.finish()));
    this.#isOver = true;
    await this.#run.tools.alarms.flush();
    await this.#saver.finish();
  }

  #add(command: LaneCommand): void {
    const { aggregate, aggregateId } = command.envelope;
    const key = subjectKey(aggregate, aggregateId);
    if (this.#unsaid.has(key)) this.#sayUnsaid(key, () => undefined);
    const lane = this.#lanes.get(key) ?? this.#open(key);
    lane.add(command);
  }

  #open(key: string): Lane {
    const run = this.#run;
    const { alarms, said } = run.tools;
    const lane = new Lane({
      ...run,
      onDone: ({ sequence }: ReceivedCommand) =>
        alarms.whenSettled(key, () => {
          this.#progress.end(sequence);
          this.#saver.note();
        }),
      onSaid: (turn: UnsaidTurn) =>
        alarms.whenSettled(key, () => {
          said.end(turn);
          this.#saver.note();
        }),
      onLeft: run.window.leave,
      onIdle: () => this.#lanes.delete(key),
    });
    this.#lanes.set(key, lane);
    return lane;
  }
}

function once<How>(tell: (how: How) => void): (how: How) => void {
  let isTold = false;
  return (how) => {
    if (isTold) return;
    isTold = true;
    tell(how);
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
