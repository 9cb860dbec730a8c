import {
  type AggregateName,
  type CommandEnvelope,
  type Commit,
  contentId,
  err,
  ok,
  type RecordedCommit,
  type Rejection,
  type Result,
} from '@orrery/bus';
import type { AnyAggregate, Applied, Decided, Effect, Outgoing } from './aggregate.ts';

/** An aggregate as a host holds it: its folded state and what the next commit must carry on. */
export interface Held {
  readonly id: string;
  state: unknown;
  /** Revision of the newest event; 0 before the first. */
  revision: number;
  /** Log sequence of the newest commit; 0 before the first. */
  sequence: number;
  hash: string;
  /** Place in the inbox, and id, of the command behind the newest commit. */
  inboxSequence: number;
  commandId: string;
  commitId: string;
  /** What the newest commit must have said, to say it again when its command is met again. */
  outgoing: readonly Outgoing[];
  phase: string | undefined;
  phaseSinceMs: number;
  /** Commits since the newest snapshot in the store. */
  unsavedCommits: number;
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
    outgoing: [],
    phase: undefined,
    phaseSinceMs: 0,
    unsavedCommits: 0,
    alarmAtMs: undefined,
    reconcileAtMs: Number.POSITIVE_INFINITY,
  };
}

export interface Prepared {
  readonly commit: Commit;
  /** The state after the commit, and the effects it names. */
  readonly state: unknown;
  readonly effects: readonly Effect[];
}

/**
 * The commit that a decision becomes. Each event must be legal for the machine after the ones before
 * it; one that is not is a refusal that names state and event, and nothing is written.
 */
export function prepare(
  aggregate: AnyAggregate,
  held: Held,
  decided: Decided<{ readonly type: string }>,
  cause: {
    readonly envelope: CommandEnvelope<{ readonly type: string }>;
    readonly inboxSequence: number;
    readonly nowMs: number;
  },
): Result<Prepared, Rejection> {
  const { envelope, inboxSequence, nowMs } = cause;
  const applied =
    decided.applied === undefined
      ? applyAll(aggregate, held.state, decided.events)
      : ok(decided.applied);
  if (!applied.ok) return applied;
  const content: Omit<Commit, 'id'> = {
    aggregate: aggregate.name,
    aggregateId: held.id,
    firstRevision: held.revision + 1,
    schemaVersion: aggregate.schemaVersion,
    recordedAtMs: nowMs,
    actor: envelope.actor,
    commandId: envelope.id,
    commandType: envelope.command.type,
    inboxSequence,
    traceparent: envelope.traceparent,
    previousHash: held.hash,
    events: decided.events,
  };
  // The id stands for the content: a commit decided anew after a lost answer is another one, which the
  // log refuses, and not a double of which nobody knows the hash.
  const commit: Commit = { id: contentId(JSON.stringify(content)), ...content };
  return ok({ commit, state: applied.value.state, effects: applied.value.effects });
}

function applyAll(
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
  recorded: Pick<
    RecordedCommit,
    | 'id'
    | 'sequence'
    | 'hash'
    | 'inboxSequence'
    | 'commandId'
    | 'firstRevision'
    | 'events'
    | 'recordedAtMs'
  >,
  next: { readonly state: unknown; readonly effects: readonly Effect[] },
): void {
  held.state = next.state;
  held.revision = recorded.firstRevision + recorded.events.length - 1;
  held.sequence = recorded.sequence;
  held.hash = recorded.hash;
  held.inboxSequence = recorded.inboxSequence;
  held.commandId = recorded.commandId;
  held.commitId = recorded.id;
  held.unsavedCommits += 1;
  held.outgoing = outgoingOf(aggregate, held, next.effects);
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

/** Folds a commit that was read from the log. @throws when the log holds what its machine refuses. */
export function replay(aggregate: AnyAggregate, held: Held, recorded: RecordedCommit): void {
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
  advance(aggregate, held, recorded, { state, effects });
}

/** Messages of effects; of several wishes for one kernel only the last is sent. */
export function outgoingOf(
  aggregate: AnyAggregate,
  held: Pick<Held, 'id' | 'state' | 'revision'>,
  effects: readonly Effect[],
): readonly Outgoing[] {
  const all = effects.flatMap((effect) =>
    aggregate.messages(effect, held.state, { id: held.id, revision: held.revision }),
  );
  const isLast = (one: Outgoing, index: number): boolean =>
    one.to === 'actor' ||
    !all
      .slice(index + 1)
      .some((later) => later.to === 'agent' && later.key === one.key && later.node === one.node);
  return all.filter(isLast);
}

/**
 * When the world must be asked, or the phase given up, at the latest; undefined in a state of rest. An
 * end that has passed already does not count: its command has been given.
 */
export function dueAtMs(aggregate: AnyAggregate, held: Held, nowMs: number): number | undefined {
  const deadline = aggregate.deadline(held.state);
  if (deadline === undefined) return undefined;
  const endMs = deadline.deadlineMs === undefined ? 0 : held.phaseSinceMs + deadline.deadlineMs;
  return endMs > nowMs ? Math.min(held.reconcileAtMs, endMs) : held.reconcileAtMs;
}

export function hasOutlived(aggregate: AnyAggregate, held: Held, nowMs: number): boolean {
  const deadlineMs = aggregate.deadline(held.state)?.deadlineMs;
  return deadlineMs !== undefined && nowMs >= held.phaseSinceMs + deadlineMs;
}

export function subjectKey(aggregate: AggregateName, id: string): string {
  return `${aggregate}.${id}`;
}
