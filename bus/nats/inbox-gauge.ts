import { Overloaded } from '../errors.ts';
import { OVERLOADED_RETRY_MS } from '../inbox-limit.ts';
import { streams, subjects } from '../subjects.ts';
import { countMessages } from './direct-read.ts';
import type { Link } from './link.ts';

/** A measure is taken anew after this time, or after this share of the limit was sent. */
const MEASURE_PERIOD_MS = 200;
const SENT_SHARE_MAX = 0.1;

export interface InboxGauge {
  /**
   * Resolves when one more command of a user may be sent: at once, unless the newest measure says that
   * the inboxes are full. @throws {Overloaded}
   */
  admit(): Promise<void>;
  /** The same for one that is asked past the inbox: it counts until it has ended. @throws {Overloaded} */
  ask(): Promise<Asked>;
}

export interface Asked {
  /** It was put into the inbox, where it counts as any other. */
  stored(): void;
  end(): void;
}

/**
 * Guards the inboxes against more commands than the control plane can take. Only what users send is
 * refused: timers, reports and what actors tell each other must get through, or nothing would drain. The
 * count is the newest measure, taken beside the sending, what was sent from here since, and what is asked from
 * here past the inboxes.
 */
export function createInboxGauge(link: Link, commandsWaitingMax: number): InboxGauge {
  let waiting = 0;
  let sentSince = 0;
  let underWay = 0;
  let measuredAtMs = Number.NEGATIVE_INFINITY;
  let measuring: Promise<void> | undefined;
  const measure = async (): Promise<void> => {
    const sentBefore = sentSince;
    try {
      waiting = await countMessages(link, { stream: streams.inbox, filter: subjects.allCommands });
      sentSince -= sentBefore;
    } catch (error) {
      link.logger.warn({ err: error }, 'the inboxes cannot be measured');
    }
    measuredAtMs = link.clock.nowMs();
    measuring = undefined;
  };
  const count = (): number => waiting + sentSince + underWay;
  const isFull = (): boolean => count() >= commandsWaitingMax;
  const isOld = (): boolean =>
    link.clock.nowMs() - measuredAtMs >= MEASURE_PERIOD_MS ||
    sentSince >= commandsWaitingMax * SENT_SHARE_MAX;
  /** Counts it in the step in which it is let in: many come at once. */
  const letIn = async (note: () => void): Promise<void> => {
    if (isOld()) measuring ??= measure();
    if (isFull()) await measuring;
    if (isFull())
      throw new Overloaded(`${count()} commands wait to be taken`, {
        retryAfterMs: OVERLOADED_RETRY_MS,
      });
    note();
  };
  return {
    admit: () =>
      letIn(() => {
        sentSince += 1;
      }),
    ask: async () => {
      await letIn(() => {
        underWay += 1;
      });
      let isAsked = true;
      const end = (): void => {
        if (isAsked) underWay -= 1;
        isAsked = false;
      };
      const stored = (): void => {
        if (isAsked) sentSince += 1;
        end();
      };
      return { stored, end };
    },
  };
}
