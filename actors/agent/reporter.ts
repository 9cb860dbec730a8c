import {
  type Clock,
  type CommandEnvelope,
  currentTraceparent,
  derivedId,
  type Inbox,
  type KernelReport,
  type Logger,
  type SessionCommand,
} from '@orrery/bus';

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;
export interface KernelNews {
  readonly kernel: string;
  readonly session: string;
  readonly wishRevision: number;
  readonly report: KernelReport;
  /** What caused it: the place of a wish in the inbox, or what the agent saw by itself. */
  readonly cause: string;
  readonly traceparent?: string | undefined;
}

/** Sends what this node says until the bus has it; the news of one kernel in their order. */
export class Reporter {
  readonly #inbox: Inbox;
  readonly #node: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  readonly #lastOf = new Map<string, Promise<void>>();

  constructor(options: {
    readonly inbox: Inbox;
    readonly node: string;
    readonly clock: Clock;
    readonly logger: Logger;
    /** Ends the retries; what is not sent by then is told by the next agent. */
    readonly signal: AbortSignal;
  }) {
    this.#inbox = options.inbox;
    this.#node = options.node;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#signal = options.signal;
  }

  /** Resolves when it is durable. The same news again has the same id. @throws the signal's reason. */
  report(news: KernelNews): Promise<void> {
    const { kernel, session, wishRevision, report, cause } = news;
    const command: SessionCommand = {
      type: 'report-kernel',
      kernel,
      node: this.#node,
      wishRevision,
      report,
    };
    const id = derivedId(this.#node, kernel, String(wishRevision), cause, JSON.stringify(report));
    const envelope = this.#envelope({ id, aggregate: 'session', aggregateId: session, command });
    const { traceparent = currentTraceparent() } = news;
    const before = this.#lastOf.get(kernel) ?? Promise.resolve();
    const sent = before.then(() => this.#send({ ...envelope, traceparent }));
    const last = sent
      .catch(() => undefined)
      .finally(() => {
        if (this.#lastOf.get(kernel) === last) this.#lastOf.delete(kernel);
      });
    this.#lastOf.set(kernel, last);
    return sent;
  }

  /** For what is not about a kernel. Resolves when it is durable. */
  tell(about: {
    readonly id: string;
    readonly aggregate: 'node' | 'image';
    readonly aggregateId: string;
    readonly command: unknown;
  }): Promise<void> {
    return this.#send(this.#envelope(about));
  }

  #envelope(
    message: Pick<CommandEnvelope, 'id' | 'aggregate' | 'aggregateId' | 'command'>,
  ): CommandEnvelope {
    const actor = { kind: 'agent', id: this.#node } as const;
    return { ...message, actor, sentAtMs: this.#clock.nowMs() };
  }

  async #send(envelope: CommandEnvelope): Promise<void> {
    for (let waitMs = RETRY_MS_MIN; ; waitMs = Math.min(waitMs * 2, RETRY_MS_MAX)) {
      this.#signal.throwIfAborted();
      try {
        await this.#inbox.send(envelope);
        return;
      } catch (err) {
        const { aggregate, aggregateId } = envelope;
        this.#logger.warn({ err, aggregate, aggregateId, waitMs }, 'a report is sent again');
        await this.#clock.sleep(waitMs, this.#signal);
      }
    }
  }
}
