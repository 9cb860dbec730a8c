import {
  type Actor,
  type AggregateName,
  BusUnavailable,
  type Clock,
  type Inbox,
  newId,
  type Outcome,
} from '@orrery/bus';
import { isSentByPeople } from '../auth/command-table.ts';
import { RequestFailed } from '../errors.ts';
import { Deadlines } from './deadlines.ts';

/**
 * How long a command may wait for its outcome. A killed control process is back within seconds and then
 * takes what waits in its inbox.
 */
export const OUTCOME_WAIT_MS_MAX = 30_000;
/** Commands that begin within this time have one deadline. Milliseconds. */
const DEADLINE_PERIOD_MS = 1_000;
/** Wait before a command that could not be sent is sent again. Milliseconds. */
const SEND_AGAIN_MS = 250;

export interface AggregateCommand {
  readonly aggregate: AggregateName;
  readonly aggregateId: string;
  readonly actor: Actor;
  readonly traceparent: string | undefined;
  readonly command: { readonly type: string };
}

export interface CommandOutcome {
  readonly outcome: Outcome;
  /** Ids that the command was sent under: more than one when it had to be repeated. */
  readonly commandIds: readonly string[];
}

export interface Commands {
  /**
   * Sends a command that is harmless when repeated, and waits for its outcome.
   * @throws {RequestFailed} `UNAVAILABLE` after `OUTCOME_WAIT_MS_MAX`; the command may be done yet.
   * @throws the reason of `closing`.
   */
  request(command: AggregateCommand): Promise<CommandOutcome>;
}

export function createCommands(options: {
  readonly inbox: Inbox;
  readonly clock: Clock;
  readonly closing: AbortSignal;
}): Commands {
  const { inbox, clock, closing } = options;
  const deadlines = new Deadlines({
    clock,
    closing,
    afterMs: OUTCOME_WAIT_MS_MAX,
    periodMs: DEADLINE_PERIOD_MS,
    reason: unavailable,
  });
  return {
    async request(command) {
      const { aggregate, actor } = command;
      const { type } = command.command;
      if (actor.kind === 'user' && !isSentByPeople(aggregate, type))
        throw new Error(`no operation of people sends ${aggregate}.${type}`);
      return await requestUntil(deadlines.begin(), { inbox, clock, command });
    },
  };
}

/**
 * A repeat has a command id of its own: under the old one the broker would drop it as a double, and its
 * outcome would go to a sender that has stopped listening.
 */
async function requestUntil(
  ended: AbortSignal,
  parts: { readonly inbox: Inbox; readonly clock: Clock; readonly command: AggregateCommand },
): Promise<CommandOutcome> {
  const { inbox, clock, command } = parts;
  const commandIds: string[] = [];
  for (;;) {
    const sentAtMs = clock.nowMs();
    const envelope = { id: newId(sentAtMs), sentAtMs, ...command };
    commandIds.push(envelope.id);
    try {
      return { outcome: await inbox.request(envelope, ended), commandIds };
    } catch (error) {
      ended.throwIfAborted();
      if (!(error instanceof BusUnavailable)) throw error;
    }
    await clock.sleep(SEND_AGAIN_MS, ended);
  }
}

function unavailable(): RequestFailed {
  return new RequestFailed(
    'UNAVAILABLE',
    'The control plane did not answer in time. The command stays in force; ask again in a moment.',
  );
}
