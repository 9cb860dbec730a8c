import {
  type Bus,
  type Clock,
  type CommandEnvelope,
  currentTraceparent,
  derivedId,
  newId,
  OrreryError,
  type Outcome,
  type ReceivedCommand,
  RevisionConflict,
  withSpan,
} from '@orrery/bus';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { AnyAggregate, Outgoing } from './aggregate.ts';
import type { Holdings } from './holdings.ts';
import { absent, advance, dueAtMs, type Held, hasOutlived, outgoingOf, prepare } from './turn.ts';

/** Decisions of one command that may lose the race for the log before it is a defect. */
const CONFLICTS_MAX = 10;

/** An alarm that is set may ring this much later than the newest due time before it is moved. */
const LATENESS_MS = 45_000;

const CONTROL = { kind: 'system', id: 'control' } as const;

export interface TurnTools {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly holdings: Holdings;
  readonly aggregates: ReadonlyMap<string, AnyAggregate>;
}

type Envelope = CommandEnvelope<{ readonly type: string }>;

/**
 * One command: decide, commit, send, reply. When it returns, the command is done and need not be read
 * again. @throws {BusUnavailable} when the bus is away: the command must be taken again.
 */
export async function takeTurn(tools: TurnTools, received: ReceivedCommand): Promise<void> {
  const envelope = received.envelope as Envelope;
  const aggregate = tools.aggregates.get(envelope.aggregate);
  if (received.malformed !== undefined || aggregate === undefined) {
    tools.logger.error({ received }, 'a command that nobody can read is set aside');
    reply(tools, envelope, refusal('command-invalid', received.malformed ?? 'no such aggregate'));
    return;
  }
  const command = parse(aggregate, envelope);
  if (!command.ok) {
    tools.logger.warn(
      { command: envelope.id, reason: command.message },
      'a malformed command is refused',
    );
    reply(tools, envelope, refusal('command-invalid', command.message, command.field));
    return;
  }
  const turn = { tools, aggregate, envelope, inboxSequence: received.sequence };
  const { traceparent, aggregateId } = envelope;
  const attributes = {
    'orrery.aggregate': aggregate.name,
    'orrery.id': aggregateId,
    'orrery.command': envelope.id,
  };
  await withSpan(
    `${aggregate.name} ${envelope.command.type}`,
    { traceparent, attributes, kind: 'consumer' },
    () =>
      envelope.command.type === 'pass-deadline' ? ring(turn) : decideAndCommit(turn, command.value),
  );
}

interface Turn {
  readonly tools: TurnTools;
  readonly aggregate: AnyAggregate;
  readonly envelope: Envelope;
  readonly inboxSequence: number;
}

async function decideAndCommit(turn: Turn, command: unknown): Promise<void> {
  const { tools, aggregate, envelope, inboxSequence } = turn;
  let mayBegin = aggregate.begins?.(command) ?? false;
  for (let conflicts = 0; conflicts < CONFLICTS_MAX; conflicts++) {
    const held = await heldFor(turn, mayBegin);
    if (inboxSequence > 0 && inboxSequence <= held.inboxSequence) {
      await again(turn, held);
      return;
    }
    try {
      const outcome = await decideOnce(turn, held, command);
      await tools.holdings.saveWhenDue(aggregate, held);
      reply(tools, envelope, outcome);
      return;
    } catch (error) {
      tools.holdings.drop(aggregate.name, held.id);
      if (!(error instanceof RevisionConflict)) throw error;
      mayBegin = false;
    }
  }
  throw new Error(`${aggregate.name} ${envelope.aggregateId} lost ${CONFLICTS_MAX} races in a row`);
}

async function heldFor({ tools, aggregate, envelope }: Turn, mayBegin: boolean): Promise<Held> {
  const { aggregateId } = envelope;
  if (!mayBegin) return tools.holdings.load(aggregate, aggregateId);
  return tools.holdings.find(aggregate.name, aggregateId) ?? absent(aggregate, aggregateId);
}

/** The command of a commit that exists, met again after a crash: its messages are sent again. */
async function again(turn: Turn, held: Held): Promise<void> {
  const { tools, aggregate, envelope } = turn;
  if (envelope.id !== held.commandId) return;
  await send(turn, held, held.outgoing);
  await arm(tools, aggregate, held);
  reply(tools, envelope, { ok: true, revision: held.revision, sequence: held.sequence });
}

async function decideOnce(turn: Turn, held: Held, command: unknown): Promise<Outcome> {
  const { tools, aggregate, envelope, inboxSequence } = turn;
  const nowMs = tools.clock.nowMs();
  const decision = aggregate.decide(held.state, command, {
    id: held.id,
    nowMs,
    actor: envelope.actor,
    newId: () => newId(nowMs),
  });
  if (!decision.ok) return { ok: false, error: decision.error };
  const { events, effects = [] } = decision.value;
  if (events.length === 0) {
    await send(turn, held, outgoingOf(aggregate, held, effects));
    await arm(tools, aggregate, held);
    return { ok: true, revision: held.revision, sequence: held.sequence };
  }
  const prepared = prepare(aggregate, held, decision.value, { envelope, inboxSequence, nowMs });
  if (!prepared.ok) return { ok: false, error: prepared.error };
  const { commit, state, effects: named } = prepared.value;
  const place = await tools.bus.log.append(commit, held.sequence);
  advance(aggregate, held, { ...commit, ...place }, { state, effects: [...named, ...effects] });
  tools.holdings.keep(aggregate.name, held);
  await Promise.all([send(turn, held, held.outgoing), arm(tools, aggregate, held)]);
  return { ok: true, revision: held.revision, sequence: held.sequence };
}

/** The alarm: give up the phase when it has outlived its deadline, else ask the world again. */
async function ring(turn: Turn): Promise<void> {
  const { tools, aggregate, envelope } = turn;
  const held = await tools.holdings.load(aggregate, envelope.aggregateId);
  held.alarmAtMs = undefined;
  const nowMs = tools.clock.nowMs();
  const deadline = aggregate.deadline(held.state);
  if (deadline === undefined) return;
  if (hasOutlived(aggregate, held, nowMs)) {
    held.reconcileAtMs = nowMs + deadline.reconcileMs;
    await decideAndCommit(turn, { type: 'pass-deadline', deadline: deadline.phase });
    return;
  }
  if (nowMs >= held.reconcileAtMs) {
    tools.logger.info(
      { aggregate: aggregate.name, id: held.id, phase: deadline.phase },
      'asking again',
    );
    await send(turn, held, outgoingOf(aggregate, held, aggregate.reconcile(held.state)));
    held.reconcileAtMs = nowMs + deadline.reconcileMs;
  }
  await arm(tools, aggregate, held);
}

/** Sees to it that an alarm rings when the aggregate's phase is due; one that rings early is moved then. */
async function arm({ bus, clock }: TurnTools, aggregate: AnyAggregate, held: Held): Promise<void> {
  const dueMs = dueAtMs(aggregate, held, clock.nowMs());
  if (dueMs === undefined || !Number.isFinite(dueMs)) return;
  if (held.alarmAtMs !== undefined && held.alarmAtMs <= dueMs + LATENESS_MS) return;
  held.alarmAtMs = dueMs;
  await bus.alarms.set(
    {
      id: `alarm:${aggregate.name}:${held.id}:${dueMs}`,
      aggregate: aggregate.name,
      aggregateId: held.id,
      actor: CONTROL,
      sentAtMs: clock.nowMs(),
      command: { type: 'pass-deadline', deadline: 'alarm' },
    },
    dueMs,
  );
}

/** Ids follow from the cause, so that sending again is met as a double. */
async function send(turn: Turn, held: Held, outgoing: readonly Outgoing[]): Promise<void> {
  const { tools, envelope } = turn;
  const traceparent = currentTraceparent() ?? envelope.traceparent;
  await Promise.all(
    outgoing.map((message, index) => {
      const id = derivedId(envelope.id, String(turn.inboxSequence), held.id, String(index));
      if (message.to === 'agent') {
        const { node, key, wish } = message;
        return tools.bus.agents.send({ node, key, id, wish, traceparent });
      }
      return tools.bus.inbox.send({
        id,
        aggregate: message.aggregate,
        aggregateId: message.id,
        actor: CONTROL,
        sentAtMs: tools.clock.nowMs(),
        traceparent,
        command: message.command,
      });
    }),
  );
}

function reply({ bus }: TurnTools, { replyTo }: Envelope, outcome: Outcome): void {
  if (replyTo !== undefined) bus.inbox.reply(replyTo, outcome);
}

function refusal(code: string, message: string, field?: string): Outcome {
  return { ok: false, error: { code, message, field } };
}

function parse(
  aggregate: AnyAggregate,
  envelope: Envelope,
):
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string; readonly field?: string } {
  try {
    return { ok: true, value: aggregate.parseCommand(envelope.command) };
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const [issue] = error.issues;
    return {
      ok: false,
      message: issue?.message ?? 'not what its contract says',
      field: issue?.path.join('.') ?? '',
    };
  }
}

/** Whether taking the same turn again may work: the world was away, nothing is wrong with the command. */
export function isPassing(error: unknown): boolean {
  return error instanceof OrreryError && error.isRetryable;
}
