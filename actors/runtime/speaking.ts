import {
  type Bus,
  type Clock,
  type CommandEnvelope,
  derivedId,
  OrreryError,
  type Outcome,
} from '@orrery/bus';
import type { Outgoing } from './aggregate.ts';
import type { Handover } from './handover.ts';
import type { Cause } from './turn.ts';

const CONTROL = { kind: 'system', id: 'control' } as const;

interface SpeakingTools {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly handover: Handover;
}

/** A message with the id by which it is met as a double when it is sent again. */
export interface Message {
  readonly id: string;
  readonly outgoing: Outgoing;
}

/** Numbers the messages of one turn. */
export class MessageIds {
  readonly #counts = new Map<string, number>();
  readonly #aggregateId: string;

  constructor(aggregateId: string) {
    this.#aggregateId = aggregateId;
  }

  /**
   * @param revision that of the commit that says it, since one command may be behind several; undefined for
   * what no commit says.
   */
  name(cause: Cause, outgoing: readonly Outgoing[], revision?: number): readonly Message[] {
    const { inboxSequence } = cause;
    const place = revision === undefined ? `${inboxSequence}` : `${inboxSequence}@${revision}`;
    const key = `${cause.id} ${place}`;
    const start = this.#counts.get(key) ?? 0;
    this.#counts.set(key, start + outgoing.length);
    return outgoing.map((message, index) => ({
      id: derivedId(cause.id, place, this.#aggregateId, String(start + index)),
      outgoing: message,
    }));
  }
}

interface Sending {
  readonly messages: readonly Message[];
  readonly traceparent: string | undefined;
  /** Place of the log behind which all lies that follows from them. */
  readonly after: number;
  /** They may have been sent before. */
  readonly isAgain: boolean;
}

/**
 * Says all side by side, those to one recipient in their order. Resolves when what follows from it is in the
 * log, or it lies in an inbox. @throws {BusUnavailable}
 */
export async function send(
  { bus, clock, handover }: SpeakingTools,
  { messages, traceparent, after, isAgain }: Sending,
): Promise<void> {
  const sentAtMs = clock.nowMs();
  await Promise.all(
    messages.map(async ({ id, outgoing }) => {
      if (outgoing.to === 'agent') {
        const { node, key, wish } = outgoing;
        await bus.agents.send({ node, key, id, wish, traceparent });
        return;
      }
      const { aggregate, id: aggregateId, command } = outgoing;
      const about = { id, aggregate, aggregateId, actor: CONTROL, sentAtMs, traceparent };
      const again = isAgain ? { againAfter: after } : {};
      await handover.deliver({ ...about, ...again, command }, after);
    }),
  );
}

export function reply(bus: Bus, { replyTo }: CommandEnvelope, outcome: Outcome): void {
  if (replyTo !== undefined) bus.inbox.reply(replyTo, outcome);
}

/** Whether trying the same again may work: the world was away, nothing is wrong with the command. */
export function isPassing(error: unknown): boolean {
  return error instanceof OrreryError && error.isRetryable;
}
