import {
  type Actor,
  type AggregateName,
  type Commit,
  err,
  ok,
  type RecordedCommit,
  type Rejection,
  type Result,
  sealCommit,
} from '@orrery/bus';
import type { AnyAggregate, Applied, Deadline, Effect, Outgoing } from './aggregate.ts';
import { requireKnown } from './log-ahead.ts';

/**
 * Commits whose messages may not have been sent when a host dies: the messages of one are sent while the
 * next is written, and nothing follows that before they have been.
 */
const UNSAID_COMMITS_MAX = 2;

/** What a commit says to others. The ids of the messages follow from its last command and its revision. */
export interface Speech {
  readonly by: CommittedBy;
  /** Of the commit's last event; absent where an older version kept it. */
  readonly revision?: number;
  /** Of the commit, in the log; absent where an older version kept it. */
  readonly sequence?: number;
  /** Ids of the commands it stands for. */
  readonly commandIds: readonly string[];
  readonly outgoing: readonly Outgoing[];
}

/** A command by its id and its place in the inbox. */
export interface Cause {
  readonly id: string;
  readonly inboxSequence: number;
}

/** An aggregate as a host holds it: its folded state and what the next commit must carry on. */
export interface Held {
  readonly id: string;
  state: unknown;
  /** Revision of the newest event; 0 before the first. */
  revision: number;
  /** Log sequence of the newest commit; 0 before the first. */
  sequence: number;
  hash: string;
  /** Place in the inbox, and id, of the last command behind the newest commit. */
  inboxSequence: number;
  commandId: string;
  commitId: string;
  /** What the newest commits must have said, oldest first, to say it again when a command is met again. */
  speeches: readonly Speech[];
  phase: string | undefined;
  phaseSinceMs: number;
  /** Commands behind the commits since the newest snapshot in the store. */
  unsavedCommands: number;
  /** When the alarm on the bus will ring, as far as this host knows. */
  alarmAtMs: number | undefined;
  reconcileAtMs: number;
}

export function absent(aggregate: AnyAggregate, id: string): Held {
  return {
    id,
    state: aggregate.initial(id),
    revision: 0,
    sequence: 0,
    hash: '',
    inboxSequence: 0,
    commandId: '',
    commitId: '',
    speeches: [],
    phase: undefined,
    phaseSinceMs: 0,
    unsavedCommands: 0,
    alarmAtMs: undefined,
    reconcileAtMs: Number.POSITIVE_INFINITY,
  };
}

/** A command behind a commit. */
export interface CommittedBy extends Cause {
  readonly type: string;
  readonly actor: Actor;
  readonly traceparent?: string | undefined;
}

/** The commit that stands for these commands, of which there is at least one. */
export function commitOf(
  aggregate: AnyAggregate,
  held: Pick<Held, 'id' | 'revision' | 'hash'>,
  { commands, events, nowMs }: CommitContent,
): Commit {
  const last = commands.at(-1);
  if (last === undefined) throw new Error('a commit stands for a command');
  const { id, type, inboxSequence, actor, traceparent } = last;
  return sealCommit({
    aggregate: aggregate.name,
    aggregateId: held.id,
    firstRevision: held.revision + 1,
    schemaVersion: aggregate.schemaVersion,
    recordedAtMs: nowMs,
    actor,
    commandId: id,
    commandType: type,
    inboxSequence,
    ...(commands.length === 1 ? {} : { commands: commands.map((each) => named(each, actor)) }),
    traceparent,
    previousHash: held.hash,
    events,
  });
}

interface CommitContent {
  readonly commands: readonly CommittedBy[];
  readonly events: readonly { readonly type: string }[];
  readonly nowMs: number;
}

function named(
  { id, type, inboxSequence, actor }: CommittedBy,
  by: Actor,
): NonNullable<Commit['commands']>[number] {
  const isSame = actor.kind === by.kind && actor.id === by.id;
  return { id, type, inboxSequence, ...(isSame ? {} : { actor }) };
}

/**
 * Takes the events of a decision into a state. Each must be legal for the machine after the ones before
 * it; one that is not is a refusal that names state and event. A fold in place has them already.
 */
export function applyAll(
  aggregate: AnyAggregate,
  before: unknown,
  events: readonly { readonly type: string }[],
): Result<Applied, Rejection> {
  let state = before;
  const effects: Effect[] = [];
  for (const event of events) {
    if (aggregate.foldsInPlace) {
      effects.push(...(aggregate.effectsOf?.(event) ?? []));
      continue;
    }
    const step = aggregate.apply(state, event);
    if (step === undefined) {
      const now = aggregate.describe(state);
      return err({
        code: 'event-refused',
        message: `${event.type} is not legal while the ${aggregate.name} is ${now}`,
        details: { state: now, event: event.type },
      });
    }
    state = step.state;
    effects.push(...step.effects);
  }
  return ok({ state, effects });
}

/** Takes a recorded commit into what is held, in this process's own turn or while loading. */
export function advance(
  aggregate: AnyAggregate,
  held: Held,
  recorded: Omit<RecordedCommit, 'aggregate' | 'aggregateId'>,
  next: { readonly state: unknown; readonly outgoing: readonly Outgoing[] },
): void {
  const { commandId, inboxSequence, commands } = recorded;
  held.state = next.state;
  held.revision = recorded.firstRevision + recorded.events.length - 1;
  held.sequence = recorded.sequence;
  held.hash = recorded.hash;
  held.inboxSequence = inboxSequence;
  held.commandId = commandId;
  held.commitId = recorded.id;
  held.unsavedCommands += commands?.length ?? 1;
  const commandIds = commands?.map(({ id }) => id) ?? [commandId];
  const { commandType: type, actor, traceparent } = recorded;
  const by = { id: commandId, inboxSequence, type, actor, traceparent };
  const { revision, sequence } = held;
  const speech = { by, revision, sequence, commandIds, outgoing: next.outgoing };
  held.speeches = [...held.speeches.slice(1 - UNSAID_COMMITS_MAX), speech];
  const deadline = aggregate.deadline(held.state);
  if (deadline?.phase !== held.phase) {
    held.phase = deadline?.phase;
    held.phaseSinceMs = recorded.recordedAtMs;
    held.reconcileAtMs =
      deadline === undefined
        ? Number.POSITIVE_INFINITY
        : recorded.recordedAtMs + deadline.reconcileMs;
  }
}

/**
 * Folds a commit that was read from the log.
 * @throws {LogAhead} when a newer version wrote it; another error when the log holds what its machine refuses.
 */
export function replay(aggregate: AnyAggregate, held: Held, recorded: RecordedCommit): void {
  requireKnown(aggregate, recorded);
  let { state } = held;
  const effects: Effect[] = [];
  for (const event of recorded.events) {
    const step = aggregate.apply(state, event);
    if (step === undefined) {
      throw new Error(
        `the log is broken: ${event.type} at ${aggregate.name} ${held.id} #${recorded.sequence}`,
      );
    }
    state = step.state;
    effects.push(...step.effects);
  }
  const revision = recorded.firstRevision + recorded.events.length - 1;
  const outgoing = outgoingOf(aggregate, { id: held.id, state, revision }, effects);
  advance(aggregate, held, recorded, { state, outgoing });
}

/** Messages of effects; of several wishes for one kernel only the last is sent. */
export function outgoingOf(
  aggregate: AnyAggregate,
  { id, state, revision }: Pick<Held, 'id' | 'state' | 'revision'>,
  effects: readonly Effect[],
): readonly Outgoing[] {
  if (effects.length === 0) return [];
  const all = effects.flatMap((effect) => aggregate.messages(effect, state, { id, revision }));
  const isOvertaken = (one: Outgoing, index: number): boolean =>
    one.to === 'agent' &&
    all.some(
      (later, place) =>
        place > index && later.to === 'agent' && later.key === one.key && later.node === one.node,
    );
  return all.filter((one, index) => !isOvertaken(one, index));
}

/**
 * When the world must be asked, or the phase given up, at the latest; undefined in a state of rest. An
 * end that has passed already does not count: its command has been given.
 */
export function dueAtMs(aggregate: AnyAggregate, held: Held, nowMs: number): number | undefined {
  const deadline = aggregate.deadline(held.state);
  if (deadline === undefined) return undefined;
  const endMs = endMsOf(deadline, held) ?? 0;
  return endMs > nowMs ? Math.min(held.reconcileAtMs, endMs) : held.reconcileAtMs;
}

/** When the world is asked the next time after it was asked now. */
export function askedAgainAtMs(deadline: Deadline, held: Held, nowMs: number): number {
  const { reconcileMs, reconcileMsMax = reconcileMs } = deadline;
  return nowMs + Math.min(Math.max(reconcileMs, nowMs - held.phaseSinceMs), reconcileMsMax);
}

export function hasOutlived(aggregate: AnyAggregate, held: Held, nowMs: number): boolean {
  const deadline = aggregate.deadline(held.state);
  const endMs = deadline && endMsOf(deadline, held);
  return endMs !== undefined && nowMs >= endMs;
}

function endMsOf({ deadlineMs, deadlineAtMs }: Deadline, held: Held): number | undefined {
  return deadlineMs === undefined ? deadlineAtMs : held.phaseSinceMs + deadlineMs;
}

export function subjectKey(aggregate: AggregateName, id: string): string {
  return `${aggregate}.${id}`;
}
