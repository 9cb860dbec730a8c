import { type CommandEnvelope, newId, ok, type Rejection } from '@orrery/bus';
import type { AnyAggregate, Conclusion, Effect } from './aggregate.ts';
import { applyAll, type CommittedBy, type Held, type Speech } from './turn.ts';

/** A command whose contract was checked. */
export interface ReadCommand {
  readonly envelope: CommandEnvelope<{ readonly type: string }>;
  /** 0 of one that came past the inbox. */
  readonly inboxSequence: number;
  readonly command: unknown;
}

/** What a turn comes to before anything is written. */
export interface Verdict {
  readonly nowMs: number;
  /** The events of one commit, if there are any, and the state after them. */
  readonly events: readonly { readonly type: string }[];
  readonly state: unknown;
  /** What the events name, and what must be said besides for the last command of the commit. */
  readonly effects: readonly Effect[];
  /** The commands that the commit stands for. */
  readonly committed: readonly CommittedBy[];
  /** What must be said for the other commands. */
  readonly extras: readonly Extra[];
  /** What commits say that exist already, whose commands were met again. */
  readonly again: readonly Speech[];
  readonly answers: readonly { readonly to: ReadCommand; readonly answer: Answer }[];
  /** Whether there is more to conclude when this is committed. */
  readonly isMore: boolean;
}

interface Extra {
  readonly by: CommittedBy;
  readonly effects: readonly Effect[];
}

/** A refusal answers alone; the rest waits for the commit. */
export type Answer = 'changed' | 'unchanged' | Rejection;

interface Sitting {
  readonly commands: readonly ReadCommand[];
  readonly nowMs: number;
  /** What a command came to that was answered before. */
  readonly recall?: (envelope: CommandEnvelope) => Answer | undefined;
}

/** Decides commands in their order, each on the state as those before it left it. Changes a fold in place. */
export function judge(
  aggregate: AnyAggregate,
  held: Held,
  { commands, nowMs, recall = () => undefined }: Sitting,
): Verdict {
  const bench = new Bench(aggregate, held, { nowMs, recall });
  for (const command of commands) bench.hear(command);
  return bench.close();
}

/** What the newest commits say, whoever wrote them, and whatever they left to conclude. */
export function judgeAgain({ state, speeches }: Held, nowMs: number): Verdict {
  const nothing = { events: [], effects: [], committed: [], extras: [], answers: [] };
  return { ...nothing, nowMs, state, again: speeches, isMore: speeches.length > 0 };
}

/** What is left to conclude after a commit; undefined when that changes nothing. */
export function judgeRest(
  aggregate: AnyAggregate,
  held: Held,
  { by, nowMs }: { readonly by: CommittedBy; readonly nowMs: number },
): Verdict | undefined {
  const { events, isMore } = conclusionOf(aggregate, held.state, { touched: 'all', nowMs });
  if (events.length === 0) return undefined;
  const effects = events.flatMap((event) => aggregate.effectsOf?.(event) ?? []);
  const nothing = { extras: [], again: [], answers: [] };
  return { ...nothing, nowMs, events, state: held.state, effects, committed: [by], isMore };
}

/** The command as a commit names it; one that came past the inbox with the place of the one before. */
export function behind(
  { envelope, inboxSequence }: ReadCommand,
  placeBefore: number = inboxSequence,
): CommittedBy {
  const { id, actor, traceparent, command } = envelope;
  const place = inboxSequence === 0 ? placeBefore : inboxSequence;
  return { id, type: command.type, inboxSequence: place, actor, traceparent };
}

/** One sitting over the commands of a turn. */
class Bench {
  readonly #aggregate: AnyAggregate;
  readonly #held: Held;
  readonly #nowMs: number;
  readonly #recall: (envelope: CommandEnvelope) => Answer | undefined;
  #state: unknown;
  readonly #events: { readonly type: string }[] = [];
  readonly #effects: Effect[] = [];
  readonly #changing: Extra[] = [];
  readonly #extras: Extra[] = [];
  readonly #again = new Set<Speech>();
  readonly #changed = new Set<string>();
  readonly #answers: Verdict['answers'][number][] = [];

  constructor(
    aggregate: AnyAggregate,
    held: Held,
    { nowMs, recall }: Required<Pick<Sitting, 'nowMs' | 'recall'>>,
  ) {
    this.#aggregate = aggregate;
    this.#held = held;
    this.#nowMs = nowMs;
    this.#recall = recall;
    this.#state = held.state;
  }

  hear(to: ReadCommand): void {
    const { inboxSequence } = to;
    const isOld = inboxSequence > 0 && inboxSequence <= this.#held.inboxSequence;
    // Undefined when it was done long ago: whoever asked has been told.
    const answer = this.#remember(to) ?? (isOld ? undefined : this.#decide(to));
    if (answer !== undefined) this.#answers.push({ to, answer });
  }

  /**
   * Of what came past the inbox, and then through it too, only the first is decided; what the newest commits
   * stand for is said again besides.
   */
  #remember({ envelope }: ReadCommand): Answer | undefined {
    const { id } = envelope;
    if (this.#changed.has(id)) return 'changed';
    const { speeches } = this.#held;
    const own = speeches.filter(({ commandIds }) => commandIds.includes(id));
    for (const speech of own) this.#again.add(speech);
    return own.length > 0 ? 'changed' : this.#recall(envelope);
  }

  #decide(read: ReadCommand): Answer {
    const aggregate = this.#aggregate;
    const nowMs = this.#nowMs;
    const { id, revision: before } = this.#held;
    const revision = before + this.#events.length;
    const about = { id, revision, nowMs, actor: read.envelope.actor };
    const newIdNow = (): string => newId(nowMs);
    const decision = aggregate.decide(this.#state, read.command, { ...about, newId: newIdNow });
    if (!decision.ok) return decision.error;
    const { events, effects = [], applied: known } = decision.value;
    const placeBefore = this.#changing.at(-1)?.by.inboxSequence ?? this.#held.inboxSequence;
    const extra = { by: behind(read, placeBefore), effects };
    if (events.length === 0) {
      if (effects.length > 0) this.#extras.push(extra);
      return 'unchanged';
    }
    const applied = known === undefined ? applyAll(aggregate, this.#state, events) : ok(known);
    if (!applied.ok) return applied.error;
    this.#state = applied.value.state;
    this.#events.push(...events);
    this.#effects.push(...applied.value.effects);
    this.#changing.push(extra);
    this.#changed.add(read.envelope.id);
    return 'changed';
  }

  close(): Verdict {
    const isMore = this.#conclude();
    const last = this.#changing.at(-1);
    const others = this.#changing.slice(0, -1).filter(({ effects }) => effects.length > 0);
    return {
      nowMs: this.#nowMs,
      events: this.#events,
      state: this.#state,
      effects: [...this.#effects, ...(last?.effects ?? [])],
      committed: this.#changing.map(({ by }) => by),
      extras: [...others, ...this.#extras],
      again: [...this.#again],
      answers: this.#answers,
      isMore,
    };
  }

  #conclude(): boolean {
    // The host may have died between two commits of one conclusion.
    if (this.#events.length === 0) return this.#again.size > 0;
    const touched = this.#again.size > 0 ? 'all' : this.#events;
    const { events, isMore } = conclusionOf(this.#aggregate, this.#state, {
      touched,
      nowMs: this.#nowMs,
    });
    this.#events.push(...events);
    for (const event of events) this.#effects.push(...(this.#aggregate.effectsOf?.(event) ?? []));
    return isMore;
  }
}

function conclusionOf(
  { takesTogether }: AnyAggregate,
  state: unknown,
  {
    touched,
    nowMs,
  }: { readonly touched: readonly { readonly type: string }[] | 'all'; readonly nowMs: number },
): Conclusion<{ readonly type: string }> {
  return takesTogether?.conclude?.(state, touched, nowMs) ?? { events: [], isMore: false };
}
