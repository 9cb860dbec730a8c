import type { ReceivedCommand } from '@orrery/bus';
import { z } from 'zod';
import type { AnyAggregate } from './aggregate.ts';
import type { LaneCommand } from './lane.ts';
import { reply } from './speaking.ts';
import type { TurnTools } from './take-turn.ts';
import type { ReadCommand } from './verdict.ts';

/** Checks a command's contract. Undefined when it is none: its sender has been told. */
export function readCommand(
  tools: TurnTools,
  received: LaneCommand,
): { readonly aggregate: AnyAggregate; readonly read: ReadCommand } | undefined {
  const envelope = received.envelope as ReadCommand['envelope'];
  const aggregate = tools.aggregates.get(envelope.aggregate);
  if (received.malformed !== undefined || aggregate === undefined) {
    tools.logger.error({ received }, 'a command that nobody can read is set aside');
    refuse(tools, received, { message: received.malformed ?? 'no such aggregate' });
    return undefined;
  }
  if (received.again !== undefined)
    return { aggregate, read: { envelope, inboxSequence: 0, command: envelope.command } };
  try {
    const command: unknown = aggregate.parseCommand(envelope.command);
    return { aggregate, read: { envelope, inboxSequence: received.sequence, command } };
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const [issue] = error.issues;
    const message = issue?.message ?? 'not what its contract says';
    tools.logger.warn({ command: envelope.id, reason: message }, 'a malformed command is refused');
    refuse(tools, received, { message, field: issue?.path.join('.') ?? '' });
    return undefined;
  }
}

function refuse(
  { bus }: TurnTools,
  { envelope }: ReceivedCommand,
  why: { readonly message: string; readonly field?: string },
): void {
  reply(bus, envelope, { ok: false, error: { code: 'command-invalid', ...why } });
}
