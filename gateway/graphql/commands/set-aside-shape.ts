import type { SetAsideCommand } from '@orrery/bus';

/** The GraphQL type SetAsideCommand. What the command carries is not shown: it may hold secrets. */
export function shapeSetAside({
  id,
  envelope,
  error,
  tries,
  setAsideAtMs,
}: SetAsideCommand): object {
  const { aggregate, aggregateId, command, actor, traceparent, sentAtMs } = envelope;
  return {
    id,
    entity: aggregate,
    entityId: aggregateId,
    commandType: typeOf(command),
    commandId: envelope.id,
    actor: `${actor.kind}:${actor.id}`,
    traceId: traceparent?.split('-')[1] ?? null,
    // The lines behind the first are a stack.
    error: error.split('\n', 1)[0] ?? '',
    tries,
    sentAt: sentAtMs,
    setAsideAt: setAsideAtMs,
  };
}

function typeOf(command: unknown): string {
  const isTyped = typeof command === 'object' && command !== null && 'type' in command;
  return isTyped ? String(command.type) : 'unknown';
}
