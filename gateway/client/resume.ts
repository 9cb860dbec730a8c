import type { Clock } from '@orrery/bus/clock';
import type { DocumentName } from './documents.ts';
import { GatewayUnreachable } from './errors.ts';
import { type LiveConnection, ReaderLate } from './live-connection.ts';
import type { Patience } from './patience.ts';

/** A subscription that can go on where it was cut. */
export interface ResumablePlan<Item> {
  readonly operation: DocumentName;
  /** Variables that ask for everything after what was taken. */
  readonly variables: () => Readonly<Record<string, unknown>>;
  /**
   * Takes note of an item; undefined when it was met before.
   * @throws {GatewayUnreachable} when something before it is missing.
   */
  readonly take: (item: unknown) => Item | undefined;
  /** After the server has completed: was that the end, or a gateway that goes down in good order? */
  readonly isEnd: () => Promise<boolean>;
}

/** A connection that was up for as long as this ends an outage, even if nothing came over it. */
const STEADY_MS_MIN = 5_000;

export interface ResumeParts {
  readonly clock: Clock;
  readonly live: LiveConnection;
  readonly patience: Patience;
  /** Asks over HTTP who is calling. @throws {SignInRefused} when the gateway knows nobody. */
  readonly checkSignIn: () => Promise<unknown>;
  readonly signal: AbortSignal | undefined;
}

/**
 * Every item once and in order, over as many connections as it takes.
 * @throws {ClientError} when the server refuses, or an outage lasts too long.
 * @throws the signal's reason, when it fires first.
 */
export async function* resume<Item>(
  plan: ResumablePlan<Item>,
  { clock, live, patience, checkSignIn, signal }: ResumeParts,
): AsyncGenerator<Item, void> {
  const outage = patience.outage();
  for (;;) {
    const startedAtMs = clock.nowMs();
    try {
      for await (const arrived of live.open(plan.operation, plan.variables(), signal)) {
        outage.end();
        const item = plan.take(arrived);
        if (item !== undefined) yield item;
      }
      if (await plan.isEnd()) return;
      await outage.bear(new GatewayUnreachable('the gateway ended the stream early'), signal);
    } catch (failure) {
      signal?.throwIfAborted();
      if (failure instanceof ReaderLate) continue;
      if (live.steadyMs(startedAtMs) >= STEADY_MS_MIN) outage.end();
      await outage.bear(failure, signal);
      // A gateway that refuses a token closes the socket without saying why; over HTTP it says.
      if (failure instanceof GatewayUnreachable && !failure.isRefusedConnection) {
        await checkSignIn();
      }
    }
  }
}
