import {
  type Bus,
  type Clock,
  type CommandEnvelope,
  currentTraceparent,
  type Outcome,
  RevisionConflict,
  sealedLength,
  withSpan,
} from '@orrery/bus';
import type { Logger } from 'pino';
import type { AnyAggregate } from './aggregate.ts';
import type { AnsweredCommands } from './answered.ts';
import type { Handover } from './handover.ts';
import type { Holdings } from './holdings.ts';
import type { LateAlarms } from './late-alarms.ts';
import type { SaidMark } from './said-mark.ts';
import { type Message, MessageIds, reply, send } from './speaking.ts';
import {
  absent,
  advance,
  askedAgainAtMs,
  commitOf,
  type Held,
  hasOutlived,
  outgoingOf,
  type Speech,
} from './turn.ts';
import type { UnsaidSearch } from './unsaid.ts';
import {
  type Answer,
  behind,
  judge,
  judgeAgain,
  judgeRest,
  type ReadCommand,
  type Verdict,
} from './verdict.ts';

/** Decisions of one turn that may lose the race for the log before it is a defect. */
const CONFLICTS_MAX = 10;

/** A commit of several commands is not larger; a turn that leads to a larger one is split. */
const COMMIT_CHARACTERS_MAX = 512 * 1024;

export interface TurnTools {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly holdings: Holdings;
  readonly alarms: LateAlarms;
  readonly handover: Handover;
  readonly unsaid: UnsaidSearch;
  /** Of the partition, as is what was answered in it. */
  readonly said: SaidMark;
  readonly answered: AnsweredCommands;
  readonly aggregates: ReadonlyMap<string, AnyAggregate>;
  /** Whether its commits may have left the stream, where it then looks as if it had never been. */
  readonly mayBeArchived: (aggregate: string, id: string) => boolean;
}

/** One turn of one aggregate: the commands it takes, in their order; at least one. */
export interface Turn {
  readonly tools: TurnTools;
  readonly aggregate: AnyAggregate;
  readonly commands: readonly [ReadCommand, ...ReadCommand[]];
  /**
   * Says something once all that was said before has been. Resolves when it has begun. What is given sends
   * the same when it is called again.
   */
  readonly say: (speak: () => Promise<void>) => Promise<void>;
}

/** A commit that is too large, while less commands would make a smaller one. */
class TurnTooLarge extends Error {}

/** Where a turn that is over left what follows from it: in the log alone, or also in what it says. */
export type Left = 'in-log' | 'in-speech';

/**
 * Decides, commits, and begins to send what follows. When it returns, the commands are committed or
 * answered, and done when all has been sent that it gave to `say`.
 * @throws {BusUnavailable} when the bus is away: the commands must be taken again.
 */
export async function takeTurn(turn: Turn): Promise<Left> {
  const { aggregate, commands } = turn;
  const { envelope } = commands.at(-1) ?? commands[0];
  const { traceparent, aggregateId } = envelope;
  const { type } = envelope.command;
  const attributes = {
    'orrery.aggregate': aggregate.name,
    'orrery.id': aggregateId,
    'orrery.command': envelope.id,
    'orrery.commands': commands.length,
  };
  return withSpan(
    `${aggregate.name} ${type}`,
    { traceparent, attributes, kind: 'consumer' },
    async () => {
      if (type !== 'pass-deadline') return decideAndCommit(turn, (held) => judgeOf(turn, held));
      await ring(turn);
      return 'in-speech';
    },
  );
}

/** Says once more what the newest commits say, and concludes what they left; for who comes after another. */
export async function sayAgain(turn: Turn): Promise<void> {
  await decideAndCommit(turn, (held) => judgeAgain(held, turn.tools.clock.nowMs()));
}

function judgeOf({ tools, aggregate, commands }: Turn, held: Held): Verdict {
  const recall = (envelope: CommandEnvelope): Answer | undefined => tools.answered.find(envelope);
  return judge(aggregate, held, { commands, nowMs: tools.clock.nowMs(), recall });
}

type Judge = (held: Held) => Verdict;

async function decideAndCommit(turn: Turn, judgeTurn: Judge): Promise<Left> {
  const { tools, aggregate, commands } = turn;
  const { envelope, command } = commands[0];
  const { aggregateId } = envelope;
  let mayBegin =
    commands.length === 1 &&
    (aggregate.begins?.(command) ?? false) &&
    // What it says may have to be said again, and that is known of one that is loaded.
    tools.answered.find(envelope) === undefined &&
    !tools.mayBeArchived(aggregate.name, aggregateId);
  for (let conflicts = 0; conflicts < CONFLICTS_MAX; conflicts++) {
    const held = mayBegin
      ? (tools.holdings.find(aggregate.name, aggregateId) ?? absent(aggregate, aggregateId))
      : await load(turn);
    try {
      const left = await decideOnce(turn, held, judgeTurn(held));
      tools.holdings.saveWhenDue(aggregate, held);
      return left;
    } catch (error) {
      tools.holdings.drop(aggregate.name, aggregateId);
      if (!(error instanceof RevisionConflict)) throw error;
      mayBegin = false;
    }
  }
  throw new Error(`${aggregate.name} ${aggregateId} lost ${CONFLICTS_MAX} races in a row`);
}

/** What an earlier owner wrote in this tenure is said before anything follows it. */
async function load(turn: Turn): Promise<Held> {
  const { tools, aggregate, commands } = turn;
  const held = await tools.holdings.load(aggregate, commands[0].envelope.aggregateId);
  if (!tools.said.isStrange(held.sequence)) return held;
  await sayAllAgain(turn, held, held.speeches);
  tools.said.wrote(held.sequence);
  return held;
}

async function sayAllAgain(turn: Turn, held: Held, speeches: readonly Speech[]): Promise<void> {
  for (const speech of speeches) {
    const messages = new MessageIds(held.id).name(speech.by, speech.outgoing, speech.revision);
    await say(turn, held, { messages, after: speech.sequence ?? 0, isAgain: true });
  }
}

async function decideOnce(turn: Turn, held: Held, verdict: Verdict): Promise<Left> {
  const { tools, aggregate } = turn;
  await sayAllAgain(turn, held, verdict.again);
  await commitAndSay(turn, held, verdict);
  for (const { to, answer } of verdict.answers) {
    tools.answered.note(to.envelope.id, answer);
    reply(tools.bus, to.envelope, outcomeOf(answer, held));
  }
  // Never a command before that of the newest commit: places in the inbox only rise.
  const by = held.speeches.at(-1)?.by;
  for (let { isMore } = verdict; isMore && by !== undefined; ) {
    const rest = judgeRest(aggregate, held, { by, nowMs: tools.clock.nowMs() });
    if (rest === undefined) break;
    await commitAndSay(turn, held, rest);
    ({ isMore } = rest);
  }
  return verdict.extras.length === 0 ? 'in-log' : 'in-speech';
}

async function commitAndSay(turn: Turn, held: Held, verdict: Verdict): Promise<void> {
  const { tools, aggregate } = turn;
  const { events, state, effects, committed, extras } = verdict;
  const revision = held.revision + events.length;
  const ids = new MessageIds(held.id);
  const messages: Message[] = [];
  const last = committed.at(-1);
  if (last !== undefined) {
    // Before the commit: what fails here fails again, and must not be in the log then.
    const outgoing = outgoingOf(aggregate, { id: held.id, state, revision }, effects);
    const commit = commitOf(aggregate, held, { ...verdict, commands: committed });
    if (turn.commands.length > 1 && sealedLength(commit) > COMMIT_CHARACTERS_MAX)
      throw new TurnTooLarge(`the commit has ${sealedLength(commit)} characters`);
    const place = await tools.bus.log.append(commit, held.sequence);
    tools.said.wrote(place.sequence);
    advance(aggregate, held, { ...commit, ...place }, { state, outgoing });
    tools.holdings.keep(aggregate, held);
    messages.push(...ids.name(last, outgoing, revision));
  }
  await say(turn, held, { messages, after: held.sequence });
  const others = extras.flatMap((extra) =>
    ids.name(extra.by, outgoingOf(aggregate, held, extra.effects)),
  );
  if (others.length > 0) await say(turn, held, { messages: others, ...perhapsAgain(turn) });
}

/** An earlier owner may have met the same command, which led to no commit by which one could tell. */
function perhapsAgain({ tools, commands }: Turn): {
  readonly after: number;
  readonly isAgain: true;
} {
  const places = commands.map(({ envelope }) => envelope.againAfter ?? tools.said.inherited);
  return { after: Math.min(tools.said.inherited, ...places), isAgain: true };
}

/** What is said behind a place of the log; `isAgain`: it may have been said before. */
interface Saying {
  readonly messages: readonly Message[];
  readonly after: number;
  readonly isAgain?: boolean;
}

function say(turn: Turn, held: Held, saying: Saying): Promise<void> {
  const { tools, aggregate, commands } = turn;
  const { envelope } = commands.at(-1) ?? commands[0];
  const traceparent = currentTraceparent() ?? envelope.traceparent;
  tools.alarms.note(aggregate, held);
  let { isAgain = false } = saying;
  return turn.say(() => {
    const sending = send(tools, { ...saying, isAgain, traceparent });
    isAgain = true;
    return sending;
  });
}

function outcomeOf(answer: Answer, { revision, sequence }: Held): Outcome {
  if (typeof answer === 'object') return { ok: false, error: answer };
  return { ok: true, revision, sequence, hasChanged: answer === 'changed' };
}

/** The alarm: give up the phase when it has outlived its deadline, else ask the world again. */
async function ring(turn: Turn): Promise<void> {
  const { tools, aggregate, commands } = turn;
  const [read] = commands;
  const held = await load(turn);
  held.alarmAtMs = undefined;
  const nowMs = tools.clock.nowMs();
  if (held.speeches.some(({ commandIds }) => commandIds.includes(read.envelope.id))) {
    // It rang before, and whoever heard it may have died before it said what follows.
    await decideAndCommit(turn, (at) => judgeOf(turn, at));
    return;
  }
  const deadline = aggregate.deadline(held.state);
  if (deadline === undefined) return;
  if (hasOutlived(aggregate, held, nowMs)) {
    held.reconcileAtMs = nowMs + deadline.reconcileMs;
    const command = { type: 'pass-deadline', deadline: deadline.phase };
    const passing: Turn = { ...turn, commands: [{ ...read, command }] };
    await decideAndCommit(passing, (at) => judgeOf(passing, at));
    return;
  }
  let messages: readonly Message[] = [];
  if (nowMs >= held.reconcileAtMs) {
    const about = { aggregate: aggregate.name, id: held.id, phase: deadline.phase };
    tools.logger.info(about, 'asking again');
    const outgoing = outgoingOf(aggregate, held, aggregate.reconcile(held.state));
    messages = new MessageIds(held.id).name(behind(read), outgoing);
    held.reconcileAtMs = askedAgainAtMs(deadline, held, nowMs);
  }
  await say(turn, held, { messages, ...perhapsAgain(turn) });
}
