import {
  type AggregateName,
  type Bus,
  type Clock,
  type CommandEnvelope,
  derivedId,
  type NodeCommand,
  type Outcome,
  type SchedulerCommand,
  type SessionCommand,
} from '@orrery/bus';

const PATIENCE_MS = 30_000;
const RETRY_MS = 1000;

/** Sends a command and gives its answer, which comes some time. */
export type Asking = (
  aggregate: AggregateName,
  aggregateId: string,
  command: SessionCommand | SchedulerCommand | NodeCommand,
) => Promise<Outcome>;

/** A gateway that does not give up: the same command again until it is answered. */
export class GatewayModel {
  readonly #clock: Clock;
  readonly #connect: () => Bus;
  #unanswered = 0;
  #sent = 0;

  constructor({ clock, connect }: { readonly clock: Clock; readonly connect: () => Bus }) {
    this.#clock = clock;
    this.#connect = connect;
  }

  /** Commands that wait for their answer. */
  get unanswered(): number {
    return this.#unanswered;
  }

  readonly ask: Asking = async (aggregate, aggregateId, command) => {
    this.#unanswered += 1;
    const bus = this.#connect();
    const againAfter = bus.inbox.newestPlace();
    let envelope: CommandEnvelope = {
      id: derivedId(aggregateId, command.type, String(this.#sent++)),
      aggregate,
      aggregateId,
      actor: { kind: 'user' as const, id: 'user' },
      sentAtMs: this.#clock.nowMs(),
      command,
    };
    for (;;) {
      const patience = new AbortController();
      const answered = new AbortController();
      this.#clock.sleep(PATIENCE_MS, answered.signal).then(
        () => patience.abort(NO_ANSWER),
        () => undefined,
      );
      try {
        const outcome = await bus.inbox.request(envelope, patience.signal);
        this.#unanswered -= 1;
        return outcome;
      } catch {
        envelope = { ...envelope, againAfter };
        await this.#clock.sleep(RETRY_MS);
      } finally {
        answered.abort(ANSWERED);
      }
    }
  };
}

const NO_ANSWER = new Error('no answer came in time');
const ANSWERED = new Error('an answer came');
