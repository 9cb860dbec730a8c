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
}

/**
 * Guards the inboxes against more commands than the control plane can take. Only what users send is
 * refused: timers, reports and what actors tell each other must get through, or nothing would drain. The
 * count is the newest measure, taken beside the sending, and what was sent from here since.
 */
export function createInboxGauge(link: Link, commandsWaitingMax: number): InboxGauge {
  let waiting = 0;
  let sentSince = 0;
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
  const isFull = (): boolean => waiting + sentSince >= commandsWaitingMax;
  const isOld = (): boolean =>
    link.clock.nowMs() - measuredAtMs >= MEASURE_PERIOD_MS ||
    sentSince >= commandsWaitingMax * SENT_SHARE_MAX;
  return {
    admit: async () => {
      if (isOld()) measuring ??= measure();
      if (isFull()) await measuring;
      if (isFull())
        throw new Overloaded(`${waiting + sentSince} commands wait to be taken`, {
          retryAfterMs: OVERLOADED_RETRY_MS,
        });
      sentSince += 1;
    },
  };
}
