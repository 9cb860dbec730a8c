import type { ReceivedCommand } from '@orrery/bus';
import type { AnyAggregate } from './aggregate.ts';
import { LogAhead } from './log-ahead.ts';
import type { Tenure } from './ownership.ts';
import { readCommand } from './reading.ts';
import type { UnsaidTurn } from './said-mark.ts';
import { isPassing } from './speaking.ts';
import { type Left, sayAgain, type Turn, type TurnTools, takeTurn } from './take-turn.ts';
import type { ReadCommand } from './verdict.ts';

/** Commands of one turn have at most this size together: their commit then stays well under 512 KiB. */
const TURN_BYTES_MAX = 128 * 1024;

/** Waiting before what met an absent bus is tried again: doubles up to the second. */
const RETRY_MS = 50;
const RETRY_MS_MAX = 2000;

/** Tries of a command that throws for no passing reason before it is set aside. */
const POISON_TRIES_MAX = 3;
/** Of what it threw, kept with the command. */
const ERROR_CHARACTERS_MAX = 2000;

/** A command on its way through a lane. */
export interface LaneCommand extends ReceivedCommand {
  /**
   * Told of one that came past the inbox: what follows from it is in the log, or it is to be put into the
   * inbox. One without came through the inbox.
   */
  readonly settle?: (how: 'taken' | 'declined') => void;
  /** No command: what the newest commits say shall be said again. It was begun by whoever asks for that. */
  readonly again?: UnsaidTurn;
  /** What is held of the aggregate is older than its log. */
  readonly readsAnew?: boolean;
}

/** Since the start, for metrics. */
export interface HostCounts {
  turns: number;
  retries: number;
  poisoned: number;
}

export interface LaneOptions {
  readonly tools: TurnTools;
  readonly counts: HostCounts;
  readonly partition: number;
  readonly tenure: Tenure;
  /** A command need not be read again. */
  readonly onDone: (received: ReceivedCommand) => void;
  /** All that a turn led to is said. */
  readonly onSaid: (turn: UnsaidTurn, received: ReceivedCommand) => void;
  /** Called in the step in which nothing waits any more and all is said; the lane is not used after it. */
  readonly onIdle: () => void;
  /** A command is under way no more, done or not. */
  readonly onLeft: (received: ReceivedCommand) => void;
}

/**
 * The commands of one aggregate, taken in their order, one a turn or as many together as it declares. The
 * next turn begins when the commit of the one before is in the log; what that one says is sent meanwhile,
 * and before anything that comes after is said.
 */
export class Lane {
  readonly #options: LaneOptions;
  #waiting: LaneCommand[] = [];
  #isTaking = false;
  #isIdle = false;
  #taking: Promise<void> = Promise.resolve();
  /** Whether all that was said so far was sent; false when the tenure ended before. */
  #saying: Promise<boolean> = Promise.resolve(true);

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** Puts a command at the end. */
  add(received: LaneCommand): void {
    this.#waiting.push(received);
    if (!this.#isTaking) this.#taking = this.#takeAll();
  }

  /** Resolves when nothing waits any more and all is said, or the tenure is over. */
  async finish(): Promise<void> {
    while (!this.#isIdle) {
      await this.#taking;
      await this.#saying;
      await undefined;
    }
  }

  async #takeAll(): Promise<void> {
    this.#isTaking = true;
    while (this.#waiting.length > 0) await this.#take(this.#next());
    this.#isTaking = false;
    const saying = this.#saying;
    void saying.then(() => {
      if (this.#isTaking || this.#isIdle || saying !== this.#saying) return;
      this.#isIdle = true;
      this.#options.onIdle();
    });
  }

  /** What the next turn takes: one command, or as many of those that wait as go together. */
  #next(): readonly LaneCommand[] {
    const [first] = this.#waiting;
    const commandsMax = this.#togetherMax(first);
    let bytes = 0;
    const end = this.#waiting.findIndex((received, index) => {
      bytes += received.bytes;
      if (index === 0) return false;
      return index >= commandsMax || bytes > TURN_BYTES_MAX || isTakenAlone(received);
    });
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
  }

  #togetherMax(first: ReceivedCommand | undefined): number {
    if (first === undefined || isTakenAlone(first)) return 1;
    const aggregate = this.#options.tools.aggregates.get(first.envelope.aggregate);
    return aggregate?.takesTogether?.commandsMax ?? 1;
  }

  /** Takes commands until they are committed or answered, or the tenure is over. */
  async #take(batch: readonly LaneCommand[], before?: UnsaidTurn): Promise<void> {
    const { counts, tools, tenure } = this.#options;
    const turn = batch[0]?.again ?? tools.said.begin(before?.after);
    let failures = 0;
    let failure: unknown;
    for (let delayMs = RETRY_MS; ; delayMs = Math.min(delayMs * 2, RETRY_MS_MAX)) {
      if (this.#isOver) {
        this.#end(batch, { turn, saying: Promise.resolve(false) });
        return;
      }
      try {
        let left: Left = 'in-speech';
        if (failures < POISON_TRIES_MAX) left = await this.#takeOnce(batch);
        else await this.#giveUp(batch, { failure, tries: failures });
        counts.turns += 1;
        if (left === 'in-log') for (const { settle } of batch) settle?.('taken');
        this.#end(batch, { turn, saying: this.#saying });
        return;
      } catch (error) {
        if (this.#isOver && isPassing(error)) continue;
        if (!isPassing(error)) {
          failures += 1;
          failure = error;
        }
        counts.retries += 1;
        if (error instanceof LogAhead) tenure.resign(error.message);
        this.#warn(batch, error, 'a turn is taken again');
        if (failures > 0 && batch.length > 1) {
          // Whoever of them is at fault shall fail alone. A commit of all may be there, unacknowledged.
          const middle = Math.ceil(batch.length / 2);
          await this.#take(batch.slice(0, middle), turn);
          await this.#take(batch.slice(middle), turn);
          tools.said.end(turn);
          return;
        }
        await tools.clock.sleep(delayMs, tenure.signal).catch(() => undefined);
      }
    }
  }

  get #isOver(): boolean {
    const { tenure } = this.#options;
    return tenure.signal.aborted || !tenure.isHeld();
  }

  async #takeOnce(batch: readonly LaneCommand[]): Promise<Left> {
    const { tools } = this.#options;
    const commands: ReadCommand[] = [];
    let aggregate: AnyAggregate | undefined;
    for (const received of batch) {
      const { envelope } = received;
      if (received.again === undefined) await tools.answered.search(envelope, tools.clock.nowMs());
      const known = readCommand(tools, received);
      if (known === undefined) continue;
      aggregate = known.aggregate;
      commands.push(known.read);
    }
    const [first, ...others] = commands;
    if (aggregate === undefined || first === undefined) return 'in-log';
    const turn: Turn = {
      tools,
      aggregate,
      commands: [first, ...others],
      say: (speak) => this.#say(batch, speak),
    };
    if (batch[0]?.again === undefined) return takeTurn(turn);
    if (batch[0].readsAnew === true)
      tools.holdings.drop(aggregate.name, first.envelope.aggregateId);
    await sayAgain(turn);
    return 'in-speech';
  }

  async #say(batch: readonly LaneCommand[], speak: () => Promise<void>): Promise<void> {
    const wasSaid = await this.#saying;
    this.#saying = wasSaid ? this.#sayUntilSent(batch, speak) : Promise.resolve(false);
  }

  /** False when the tenure ended before. */
  async #sayUntilSent(batch: readonly LaneCommand[], speak: () => Promise<void>): Promise<boolean> {
    const { counts, tools, tenure } = this.#options;
    for (let delayMs = RETRY_MS, failures = 0; ; delayMs = Math.min(delayMs * 2, RETRY_MS_MAX)) {
      try {
        await speak();
        return true;
      } catch (error) {
        failures += isPassing(error) ? 0 : 1;
        counts.retries += 1;
        this.#warn(batch, error, 'what a commit says is sent again');
        if (failures >= POISON_TRIES_MAX) {
          const isKept = await this.#setAside(batch, { failure: error, tries: failures }).then(
            () => true,
            () => false,
          );
          if (isKept) return true;
        }
      }
      await tools.clock.sleep(delayMs, tenure.signal).catch(() => undefined);
      if (this.#isOver) return false;
    }
  }

  /** Lets the commands go when all is said that followed from them. */
  #end(
    batch: readonly LaneCommand[],
    { turn, saying }: { readonly turn: UnsaidTurn; readonly saying: Promise<boolean> },
  ): void {
    const { onDone, onSaid, onLeft } = this.#options;
    void saying.then((isDone) => {
      const [first] = batch;
      if (isDone && first !== undefined) onSaid(turn, first);
      for (const received of batch) {
        const { settle, again } = received;
        settle?.(isDone ? 'taken' : 'declined');
        if (settle !== undefined || again !== undefined) continue;
        if (isDone) onDone(received);
        onLeft(received);
      }
    });
  }

  /** What came past the inbox is put into it first, where it has a place by which it can be found. */
  async #giveUp(
    batch: readonly LaneCommand[],
    why: { readonly failure: unknown; readonly tries: number },
  ): Promise<void> {
    for (const { settle } of batch) settle?.('declined');
    const stored = batch.filter(({ settle, again }) => settle === undefined && again === undefined);
    await this.#setAside(stored, why);
  }

  /** Keeps commands where a person finds them, and tells their senders. */
  async #setAside(
    batch: readonly ReceivedCommand[],
    { failure, tries }: { readonly failure: unknown; readonly tries: number },
  ): Promise<void> {
    const { counts, partition, tools } = this.#options;
    const { bus, clock, logger } = tools;
    const said = failure instanceof Error ? (failure.stack ?? String(failure)) : String(failure);
    const error = said.slice(0, ERROR_CHARACTERS_MAX);
    for (const [index, { sequence, envelope }] of batch.entries()) {
      // One that came past the inbox has no place there: then the moment stands for it.
      const id = `${partition}.${sequence === 0 ? clock.nowMs() + index : sequence}`;
      await bus.setAside.put({ id, envelope, error, tries, setAsideAtMs: clock.nowMs() });
      counts.poisoned += 1;
      logger.error(
        { err: failure, setAside: id, command: envelope.id },
        'a command that cannot be taken is set aside',
      );
      if (envelope.replyTo === undefined) continue;
      const message = `the command failed ${tries} times and was set aside as ${id}`;
      const details = { setAside: id };
      bus.inbox.reply(envelope.replyTo, {
        ok: false,
        error: { code: 'command-set-aside', message, details },
      });
    }
  }

  #warn(batch: readonly ReceivedCommand[], error: unknown, what: string): void {
    const [first] = batch;
    const { id: command, aggregate, aggregateId } = first?.envelope ?? {};
    const about = { command, aggregate, aggregateId, sequence: first?.sequence };
    this.#options.tools.logger.warn({ err: error, ...about, commands: batch.length }, what);
  }
}

function isTakenAlone({ envelope, again }: LaneCommand): boolean {
  return (
    again !== undefined ||
    (envelope.command as { readonly type?: unknown }).type === 'pass-deadline'
  );
}
