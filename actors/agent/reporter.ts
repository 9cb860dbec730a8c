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
import { ReportGate } from './report-gate.ts';

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

interface Waiting {
  news: KernelNews;
  /** Resolves when it is durable, by itself or within a later one. */
  readonly told: PromiseWithResolvers<void>;
}

/**
 * Sends what this node says until it is taken or the bus has it; the news of one kernel one after the other, in their
 * order. While news wait, later ones that stand for them take their place.
 */
export class Reporter {
  readonly #inbox: Inbox;
  readonly #node: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  readonly #waitingOf = new Map<string, Waiting[]>();
  readonly #gate: ReportGate;

  constructor(options: {
    readonly inbox: Inbox;
    readonly node: string;
    readonly clock: Clock;
    readonly logger: Logger;
    /** Ends the retries; what is not sent by then is told by the next agent. */
    readonly signal: AbortSignal;
    readonly gate?: ReportGate | undefined;
  }) {
    this.#gate = options.gate ?? new ReportGate();
    this.#inbox = options.inbox;
    this.#node = options.node;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#signal = options.signal;
  }

  /** Resolves when it is taken or durable. The same news again has the same id. @throws the signal's reason. */
  report(news: KernelNews): Promise<void> {
    const dated = { ...news, traceparent: news.traceparent ?? currentTraceparent() };
    const waiting = this.#waitingOf.get(news.kernel);
    const last = waiting?.at(-1);
    const together = last && findTogether(last.news, dated);
    if (last !== undefined && together !== undefined) {
      last.news = together;
      return last.told.promise;
    }
    const one: Waiting = { news: dated, told: Promise.withResolvers() };
    if (waiting !== undefined) waiting.push(one);
    else {
      const queue = [one];
      this.#waitingOf.set(news.kernel, queue);
      void this.#sendAll(news.kernel, queue);
    }
    return one.told.promise;
  }

  async #sendAll(kernel: string, queue: Waiting[]): Promise<void> {
    for (let [next] = queue; next !== undefined; [next] = queue) {
      let envelope: CommandEnvelope | undefined;
      const againAfter = this.#inbox.newestPlace();
      const sent = this.#insist({ aggregate: 'session', aggregateId: next.news.session }, () =>
        this.#gate.pass(() => {
          // From here on it is what it is: when it is sent again, then in the same words.
          if (envelope !== undefined) return this.#inbox.deliver({ ...envelope, againAfter });
          queue.shift();
          envelope = this.#reportOf(next.news);
          return this.#inbox.deliver(envelope);
        }),
      );
      await sent.then(next.told.resolve, next.told.reject);
      if (envelope === undefined) queue.shift();
    }
    this.#waitingOf.delete(kernel);
  }

  #reportOf({ kernel, session, wishRevision, report, cause, traceparent }: KernelNews) {
    const command: SessionCommand = {
      type: 'report-kernel',
      kernel,
      node: this.#node,
      wishRevision,
      report,
    };
    const id = derivedId(this.#node, kernel, String(wishRevision), cause, JSON.stringify(report));
    const about = { id, aggregate: 'session' as const, aggregateId: session, command };
    return { ...this.#envelope(about), traceparent };
  }

  /** For what is not about a kernel. Resolves when it is durable. */
  tell(about: {
    readonly id: string;
    readonly aggregate: 'node' | 'image' | 'session';
    readonly aggregateId: string;
    readonly command: unknown;
  }): Promise<void> {
    const envelope = this.#envelope(about);
    const againAfter = this.#inbox.newestPlace();
    let again = {};
    return this.#insist(about, () => {
      const sending = this.#inbox.send({ ...envelope, ...again });
      again = { againAfter };
      return sending;
    });
  }

  #envelope(
    message: Pick<CommandEnvelope, 'id' | 'aggregate' | 'aggregateId' | 'command'>,
  ): CommandEnvelope {
    const actor = { kind: 'agent', id: this.#node } as const;
    return { ...message, actor, sentAtMs: this.#clock.nowMs() };
  }

  async #insist(
    about: { readonly aggregate: string; readonly aggregateId: string },
    send: () => Promise<void>,
  ): Promise<void> {
    for (let waitMs = RETRY_MS_MIN; ; waitMs = Math.min(waitMs * 2, RETRY_MS_MAX)) {
      this.#signal.throwIfAborted();
      try {
        await send();
        return;
      } catch (err) {
        const { aggregate, aggregateId } = about;
        this.#logger.warn({ err, aggregate, aggregateId, waitMs }, 'a report is sent again');
        await this.#clock.sleep(waitMs, this.#signal);
      }
    }
  }
}

/** One report in the place of two; undefined when both must be told. */
function findTogether(before: KernelNews, after: KernelNews): KernelNews | undefined {
  if (before.session !== after.session) return undefined;
  const news = { ...after, traceparent: after.traceparent ?? before.traceparent };
  if (before.report.state === 'pulling') return news;
  if (before.report.state !== 'running') return undefined;
  if (after.report.state === 'running') return news;
  if (after.report.state !== 'exited') return undefined;
  const { containerId, startedAtMs } = before.report;
  return { ...news, report: { ran: { containerId, startedAtMs }, ...after.report } };
}
